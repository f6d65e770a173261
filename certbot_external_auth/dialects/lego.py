"""lego's provider ``exec``: ``present`` and ``cleanup``, with the record's name and value, or in RAW mode without."""

from __future__ import annotations

import os
from collections.abc import Sequence

from zope.interface import implementer

from certbot_external_auth.challenges import Challenge, dns01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes.program import Ended


@implementer(IDialect)
class Lego:
    """``present FQDN. VALUE``."""

    challenge_types = (dns01.TYPE,)
    mode = ""

    @property
    def told_aliases(self) -> bool:
        """lego follows aliases itself and gives what is at their end, unless it is told not to."""
        # What Go's strconv.ParseBool takes for true.
        return os.environ.get("LEGO_DISABLE_CNAME_SUPPORT") not in ("1", "t", "T", "true", "TRUE", "True")

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [self._call("present", one) for one in challenges]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        return [self._call("cleanup", one.challenge) for one in finished]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        # lego calls a provider for challenges only.
        return []

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        return True

    def words(self, challenge: Challenge) -> tuple[str, ...]:
        """What follows the operation."""
        return (f"{challenge.txt_target or challenge.txt_domain}.", challenge.validation)

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
    """``present -- DOMAIN TOKEN KEY_AUTHORIZATION``, as with ``EXEC_MODE=RAW``."""

    mode = "RAW"

    @property
    def told_aliases(self) -> bool:
        """The hook is told the domain alone."""
        return False

    def words(self, challenge: Challenge) -> tuple[str, ...]:
        return ("--", challenge.identifier, challenge.token, challenge.key_authorization)
