"""acmetool's hooks: ``challenge-dns-start`` and its like, from a file or from every file of a folder.

Exit code 42 says that a hook does not do that; of a folder one that ends with 0 is enough. They run in ``/``.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from certbot_external_auth.challenges import Challenge, dns01, http01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes.program import Ended

UNSUPPORTED = 42


@implementer(IDialect)
class Acmetool:
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE)
    folder = True
    """The handler may be a folder of hooks."""

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_call("start", one, facts) for one in challenges]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        return [_call("stop", one.challenge, facts) for one in finished]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return [
            Call(
                operation="live-updated",
                arguments=("live-updated",),
                variables=_variables(facts),
                document="".join(f"{name}\n" for name in deployment.domains).encode(),
                identifiers=deployment.domains[:1],
                folder="/",
            )
        ]

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        return ended.code != UNSUPPORTED or call.operation.endswith("-start")


def _variables(facts: Facts) -> dict[str, str]:
    return {"ACME_STATE_DIR": facts.config_dir}


def _call(way: str, challenge: Challenge, facts: Facts) -> Call:
    """HOSTNAME, TARGETFILE (what acmetool calls that which it works on: here the lineage) and the value.

    For DNS also whether it is for a wildcard, as far as that can be told: with the base name in the order it cannot.
    """
    name = challenge.identifier
    rest: tuple[str, ...]
    if challenge.type == dns01.TYPE:
        wildcard = f"*.{name}" in facts.names and name not in facts.names
        kind, rest, document = "dns", (challenge.validation, "wildcard" if wildcard else ""), b""
    else:
        kind, rest, document = "http", (challenge.token,), challenge.key_authorization.encode()
    operation = f"challenge-{kind}-{way}"
    return Call(
        operation=operation,
        arguments=(operation, name, facts.alias, *rest),
        variables=_variables(facts),
        document=document,
        challenges=(challenge,),
        identifiers=(name,),
        folder="/",
        side_by_side=True,
        declined="no hook does this (exit code 42)",
        declined_by=UNSUPPORTED,
    )
