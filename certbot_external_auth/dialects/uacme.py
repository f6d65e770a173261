"""uacme's hooks: ``begin``, ``done`` and ``failed`` with TYPE, IDENT, TOKEN and AUTH, also as UACME_* variables.

A hook declines a challenge by ending ``begin`` with a code above 0. uacme then offers the next type; Certbot has chosen
before, so here the error says how to choose another.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from certbot_external_auth.challenges import Challenge, dns01, http01, tlsalpn01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes.program import Ended


@implementer(IDialect)
class Uacme:
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE)

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_call("begin", one) for one in challenges]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        return [_call("done" if one.status == "valid" else "failed", one.challenge) for one in finished]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        # uacme does not look at what done and failed end with, and its own hook knows the types of its begin only.
        return call.operation == "begin"


def _call(method: str, challenge: Challenge) -> Call:
    words = {
        "METHOD": method,
        "TYPE": challenge.type,
        "IDENT": challenge.identifier,
        "TOKEN": challenge.token,
        "AUTH": challenge.validation,
    }
    return Call(
        operation=method,
        arguments=tuple(words.values()),
        variables={f"UACME_{name}": value for name, value in words.items()},
        challenges=(challenge,),
        identifiers=(challenge.identifier,),
        side_by_side=True,
        declined="the hook declined this challenge; name a type it takes with --preferred-challenges",
    )
