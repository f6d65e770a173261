"""What the line says. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class State:
    """How far a batch is.

    :ivar doing: what is done, a word such as "Publishing".
    :ivar total: how many there are.
    :ivar ended: how many of them have ended.
    :ivar now: what is being worked on, the oldest first.
    """

    doing: str
    total: int
    ended: int = 0
    now: list[str] = field(default_factory=list)

    def text(self, seconds: float) -> str:
        """Return the line. :param seconds: since this began."""
        working = f", now {self.now[0]}" if self.now else ""
        more = f" and {len(self.now) - 1} more" if len(self.now) > 1 else ""
        return f"{self.doing}: {self.ended} of {self.total} done{working}{more}, {seconds:.0f} s"
