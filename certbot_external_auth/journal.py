"""What was begun and not yet withdrawn; cleanup takes its work from here, never from Certbot's list."""

from __future__ import annotations

from collections.abc import Iterable

from certbot_external_auth.challenges import Challenge


class Journal:
    """Memory of one process. A challenge counts as begun from just before it is published."""

    def __init__(self) -> None:
        self._begun: dict[str, Challenge] = {}

    def begin(self, challenges: Iterable[Challenge]) -> None:
        """MUST be called before anything outside is touched for these challenges."""
        self._begun.update((challenge.id, challenge) for challenge in challenges)

    def begun(self) -> list[Challenge]:
        """In the order in which they were begun."""
        return list(self._begun.values())

    def withdrawn(self, challenges: Iterable[Challenge]) -> None:
        """Forget challenges that are cleaned up, or were tried once."""
        for challenge in challenges:
            self._begun.pop(challenge.id, None)
