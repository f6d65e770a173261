"""Certbot's own manual hooks: no arguments, everything in CERTBOT_* variables, one command each for both ways.

After Certbot's plugin ``manual``. A hook of ``--manual-auth-hook`` becomes the handler, the one of
``--manual-cleanup-hook`` the cleanup handler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from certbot_external_auth.challenges import Challenge, dns01, http01
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.lines import Deployment
from certbot_external_auth.program import Ended


@implementer(IDialect)
class CertbotManual:
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE)

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_call("auth-hook", one, variables(one, challenges)) for one in challenges]

    def cleanup(self, finished: Sequence[Any], facts: Facts) -> list[Call]:
        if facts.cleanup_words is None:
            return []
        challenges = [one.challenge for one in finished]
        return [
            _call(
                "cleanup-hook",
                one.challenge,
                # The beginning of it is all that is kept, so it cannot grow over the size a program may be given.
                {**variables(one.challenge, challenges), "CERTBOT_AUTH_OUTPUT": one.output.strip()},
                facts.cleanup_words,
            )
            for one in finished
        ]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        # Certbot has --deploy-hook for that, which these hooks' owners use.
        return []

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        return True


def variables(challenge: Challenge, challenges: Sequence[Challenge]) -> dict[str, str]:
    """What Certbot exports for one challenge of a batch; an absent CERTBOT_TOKEN is the mark of dns-01."""
    everybody = ",".join(one.identifier for one in challenges)
    found = {
        "CERTBOT_DOMAIN": challenge.identifier,
        "CERTBOT_IDENTIFIER": challenge.identifier,
        "CERTBOT_VALIDATION": challenge.validation,
        "CERTBOT_ALL_DOMAINS": everybody,
        "CERTBOT_ALL_IDENTIFIERS": everybody,
        "CERTBOT_REMAINING_CHALLENGES": str(len(challenges) - list(challenges).index(challenge) - 1),
    }
    return {**found, "CERTBOT_TOKEN": challenge.token} if challenge.type == http01.TYPE else found


def _call(operation: str, challenge: Challenge, found: dict[str, str], words: tuple[str, ...] | None = None) -> Call:
    return Call(
        operation=operation,
        variables=found,
        challenges=(challenge,),
        identifiers=(challenge.identifier,),
        words=words,
    )
