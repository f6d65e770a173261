"""Certbot's own manual hooks: no arguments, everything in CERTBOT_* variables, one command each for both ways.

After Certbot's plugin ``manual``. A hook of ``--manual-auth-hook`` becomes the handler, the one of
``--manual-cleanup-hook`` the cleanup handler.
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


@implementer(IDialect)
class CertbotManual:
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE)
    told_output = True
    """The cleanup is told what the handler printed when it published."""
    output_variable = "CERTBOT_AUTH_OUTPUT"
    """In which variable; of what it cannot hold, the end is told."""

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_call("auth-hook", one, found) for one, found in zip(challenges, variables(challenges), strict=True)]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        if facts.cleanup_words is None:
            return []
        found = variables([one.challenge for one in finished])
        return [
            _call(
                "cleanup-hook",
                one.challenge,
                {**found_for_one, self.output_variable: (one.output or "").strip()},
                facts.cleanup_words,
            )
            for one, found_for_one in zip(finished, found, strict=True)
        ]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        # Certbot has --deploy-hook for that, which these hooks' owners use.
        return []

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        return True


def variables(challenges: Sequence[Challenge]) -> list[dict[str, str]]:
    """What Certbot exports for each challenge of a batch; an absent CERTBOT_TOKEN is the mark of dns-01."""
    everybody = ",".join(one.identifier for one in challenges)
    return [
        {
            "CERTBOT_DOMAIN": one.identifier,
            "CERTBOT_IDENTIFIER": one.identifier,
            "CERTBOT_VALIDATION": one.validation,
            "CERTBOT_ALL_DOMAINS": everybody,
            "CERTBOT_ALL_IDENTIFIERS": everybody,
            "CERTBOT_REMAINING_CHALLENGES": str(len(challenges) - number),
            **({"CERTBOT_TOKEN": one.token} if one.type == http01.TYPE else {}),
        }
        for number, one in enumerate(challenges, 1)
    ]


def _call(operation: str, challenge: Challenge, found: dict[str, str], words: tuple[str, ...] | None = None) -> Call:
    return Call(
        operation=operation,
        variables=found,
        challenges=(challenge,),
        identifiers=(challenge.identifier,),
        words=words,
        # With none remaining a hook does what is to be done once, when all others have done their part.
        side_by_side=found["CERTBOT_REMAINING_CHALLENGES"] != "0",
    )
