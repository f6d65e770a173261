"""Hooks of Certbot's plugin ``manual``. Pure functions.

They have no arguments and get everything in CERTBOT_* variables. The hook of ``--manual-auth-hook`` becomes the
handler, and the hook of ``--manual-cleanup-hook`` becomes the cleanup handler.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from certbot_external_auth.challenges import Challenge, dns01, http01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.dialects.only_challenges import OnlyChallenges
from certbot_external_auth.interfaces import IDialect


@implementer(IDialect)
class CertbotManual(OnlyChallenges):
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE)
    told_output = True
    """The cleanup handler gets what the handler printed when it published."""
    own_variables = (
        "CERTBOT_DOMAIN",
        "CERTBOT_IDENTIFIER",
        "CERTBOT_VALIDATION",
        "CERTBOT_TOKEN",
        "CERTBOT_ALL_DOMAINS",
        "CERTBOT_ALL_IDENTIFIERS",
        "CERTBOT_REMAINING_CHALLENGES",
        "CERTBOT_AUTH_OUTPUT",
    )
    """Certbot's own `manual` leaves them in the environment of its process, for certificates that it renews later."""
    output_variable = "CERTBOT_AUTH_OUTPUT"
    """The variable for it. If the output is too long for a variable, it has the end."""

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        exported = variables(challenges)
        return [_call("auth-hook", *pair) for pair in zip(challenges, exported, strict=True)]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        if facts.cleanup_words is None:
            return []
        exported = variables([one.challenge for one in finished])
        outputs = [{self.output_variable: (one.output or "").strip()} for one in finished]
        return [
            _call("cleanup-hook", end.challenge, {**of_challenge, **output}, facts.cleanup_words)
            for end, of_challenge, output in zip(finished, exported, outputs, strict=True)
        ]


def variables(challenges: Sequence[Challenge]) -> list[dict[str, str]]:
    """Return what Certbot exports for each challenge of a batch.

    Hooks recognize dns-01 by the absence of CERTBOT_TOKEN.
    """
    names = ",".join(one.identifier for one in challenges)
    return [
        {
            "CERTBOT_DOMAIN": challenge.identifier,
            "CERTBOT_IDENTIFIER": challenge.identifier,
            "CERTBOT_VALIDATION": challenge.validation,
            "CERTBOT_ALL_DOMAINS": names,
            "CERTBOT_ALL_IDENTIFIERS": names,
            "CERTBOT_REMAINING_CHALLENGES": str(len(challenges) - number),
            **({"CERTBOT_TOKEN": challenge.token} if challenge.type == http01.TYPE else {}),
        }
        for number, challenge in enumerate(challenges, 1)
    ]


def _call(operation: str, challenge: Challenge, exported: dict[str, str], words: tuple[str, ...] | None = None) -> Call:
    return Call(
        operation=operation,
        variables=exported,
        challenges=(challenge,),
        identifiers=(challenge.identifier,),
        words=words,
        # A hook does what it does once per batch, such as a reload, when no challenge remains: after all others.
        side_by_side=exported["CERTBOT_REMAINING_CHALLENGES"] != "0",
    )
