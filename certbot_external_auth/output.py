"""What a program prints, as bounded, clean lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from certbot_external_auth import text

LINE_LIMIT = 2000
"""Characters of one line that are passed on; the rest of the line is dropped."""
TOTAL_LIMIT = 1_000_000
"""Bytes of one program that reach the log; what comes after is read and dropped."""
TAIL_LINES = 10


@dataclass
class Output:
    """Turns the bytes of both pipes into lines.

    :ivar say: called with each line.
    :ivar stdout: the beginning of its standard output. :ivar last: the last lines as they came.
    """

    say: Callable[[str], None]
    last: deque[bytes] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    stdout: bytearray = field(default_factory=bytearray)
    partial: dict[int, bytearray] = field(default_factory=dict)
    total: int = 0

    def feed(self, key: int, data: bytes, standard: bool) -> None:
        if standard and len(self.stdout) < text.LIMIT:
            self.stdout += data[: text.LIMIT - len(self.stdout)]
        buffer = self.partial.setdefault(key, bytearray())
        *lines, rest = data.split(b"\n")
        for line in lines:
            buffer += line[:LINE_LIMIT]
            self._line(bytes(buffer[:LINE_LIMIT]))
            buffer.clear()
        buffer += rest[: max(0, LINE_LIMIT - len(buffer))]

    def flush(self) -> None:
        for buffer in self.partial.values():
            if buffer:
                self._line(bytes(buffer))
                buffer.clear()

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(shown for shown in map(_shown, self.last) if shown)

    def _line(self, data: bytes) -> None:
        if data.strip():
            self.last.append(data)
        # What is not passed on costs next to nothing: a program may print for ever.
        if self.total <= TOTAL_LIMIT:
            self.total += len(data) + 1
            self.say(_shown(data) if self.total <= TOTAL_LIMIT else "(more output follows and is not logged)")


def _shown(data: bytes) -> str:
    # A carriage return redraws the line on a terminal: what comes last is what a person would have seen.
    return text.clean(data.decode("utf-8", "replace").rstrip("\r").rsplit("\r", 1)[-1], LINE_LIMIT).rstrip()
