"""A challenge at cleanup, for the backends and dialects that withdraw it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from certbot_external_auth.challenges.challenge import Challenge
from certbot_external_auth.errors import Problem


@dataclass(frozen=True)
class Finished:
    """A challenge at cleanup.

    :ivar status: ``valid``, ``invalid``, ``pending`` or ``not_asked``.
    :ivar problem: the CA's problem document, or the driver's reason.
    :ivar output: what the handler printed when it published this; None if that is not known, because the call failed
        without output, or its run was killed.
    """

    challenge: Challenge
    status: str
    problem: Problem | None = None
    output: str | None = ""

    @property
    def cleanup_status(self) -> str:
        """The status in the words of RFC 8555, which has none for a challenge the CA was not asked about."""
        return "pending" if self.status == "not_asked" else self.status
