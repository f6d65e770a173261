"""lego's provider ``exec``: ``present`` and ``cleanup``. Pure functions.

The handler gets the name and the value of the record, or in RAW mode the domain, the token and the key authorization.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zope.interface import implementer

from certbot_external_auth.challenges import TXT_TYPES, Challenge, dns01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.dialects.only_challenges import OnlyChallenges
from certbot_external_auth.interfaces import IDialect

GO_TRUE = ("1", "t", "T", "true", "TRUE", "True")
"""What Go's strconv.ParseBool accepts as true."""


@implementer(IDialect)
class Lego(OnlyChallenges):
    """Calls ``present FQDN. VALUE``."""

    challenge_types: Sequence[str] = TXT_TYPES
    told_aliases = True
    """lego follows aliases (CNAME) itself and gives its hook the name at their end."""
    untold_aliases_if: Mapping[str, Sequence[str]] = {"LEGO_DISABLE_CNAME_SUPPORT": GO_TRUE}
    """The variable, and the values of it with which lego does not follow them."""
    own_variables = ("EXEC_MODE",)
    """Its value says how this call is made, and not what a user wants."""
    mode = ""

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [self._call("present", one) for one in challenges]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        return [self._call("cleanup", one.challenge) for one in finished]

    def words(self, challenge: Challenge) -> tuple[str, ...]:
        """Return the arguments that follow the operation."""
        return (f"{challenge.record_name}.", challenge.validation)

    def _call(self, operation: str, challenge: Challenge) -> Call:
        return Call(
            operation=operation,
            arguments=(operation, *self.words(challenge)),
            variables={"EXEC_MODE": self.mode} if self.mode else {},
            challenges=(challenge,),
            identifiers=(challenge.identifier,),
            side_by_side=True,
        )


@implementer(IDialect)
class LegoRaw(Lego):
    """Calls ``present -- DOMAIN TOKEN KEY_AUTHORIZATION``, as lego does with ``EXEC_MODE=RAW``."""

    challenge_types = (dns01.TYPE,)
    told_aliases = False
    """The hook gets only the domain, and finds the record's name itself."""
    mode = "RAW"

    def words(self, challenge: Challenge) -> tuple[str, ...]:
        return ("--", challenge.identifier, challenge.token, challenge.key_authorization)
