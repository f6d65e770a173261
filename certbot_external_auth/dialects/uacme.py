"""uacme's hooks: ``begin``, ``done`` and ``failed``. Pure functions.

They get TYPE, IDENT, TOKEN and AUTH as arguments and as UACME_* variables. A hook declines a challenge by exiting from
``begin`` with a code above 0. uacme then offers the next type. Certbot has chosen the type before it calls the plugin,
so the error says how to choose another one.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from certbot_external_auth.challenges import Challenge, dns01, http01, tlsalpn01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.dialects.only_challenges import OnlyChallenges
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.processes.program import Ended


@implementer(IDialect)
class Uacme(OnlyChallenges):
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE)

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_call("begin", one) for one in challenges]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        return [_call("done" if one.status == "valid" else "failed", one.challenge) for one in finished]

    def supported(self, call: Call, ended: Ended) -> bool:
        # uacme ignores the exit codes of done and failed. Its own hook fails there for types that its begin declines.
        return call.operation == "begin"


def _call(method: str, challenge: Challenge) -> Call:
    arguments = {
        "METHOD": method,
        "TYPE": challenge.type,
        "IDENT": challenge.identifier,
        "TOKEN": challenge.token,
        "AUTH": challenge.validation,
    }
    return Call(
        operation=method,
        arguments=tuple(arguments.values()),
        variables={f"UACME_{name}": value for name, value in arguments.items()},
        challenges=(challenge,),
        identifiers=(challenge.identifier,),
        side_by_side=True,
        declined="the hook declined this challenge; name a type it takes with --preferred-challenges",
    )
