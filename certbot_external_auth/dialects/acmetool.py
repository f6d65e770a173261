"""acmetool's hooks: ``challenge-dns-start`` and the like. Pure functions.

The handler is one hook, or a folder of which every hook is called. A hook that does not do an operation exits with 42.
For a folder it is enough that one hook exits with 0. Hooks run in ``/``.
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
"""Exit code of a hook that does not do the operation."""


@implementer(IDialect)
class Acmetool:
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE)
    folder = True
    """The handler can be a folder of hooks."""

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_call("start", one, facts) for one in challenges]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        return [_call("stop", one.challenge, facts) for one in finished]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return [
            Call(
                operation="live-updated",
                arguments=("live-updated",),
                settings=_settings(facts),
                document="".join(f"{name}\n" for name in deployment.domains).encode(),
                identifiers=deployment.domains[:1],
                folder="/",
            )
        ]

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        return ended.code != UNSUPPORTED or call.operation.endswith("-start")


def _settings(facts: Facts) -> dict[str, str]:
    return {"ACME_STATE_DIR": facts.config_dir}


def _call(way: str, challenge: Challenge, facts: Facts) -> Call:
    """Return the call with HOSTNAME, TARGETFILE and the value.

    TARGETFILE is what acmetool works on, here the lineage. For dns-01 the last argument is ``wildcard`` if the
    challenge is certainly for a wildcard. It is not certain if the order also has the base name.
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
        settings=_settings(facts),
        document=document,
        challenges=(challenge,),
        identifiers=(name,),
        folder="/",
        side_by_side=True,
        declined="no hook does this (exit code 42)",
        declined_by=UNSUPPORTED,
    )
