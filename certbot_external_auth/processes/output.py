"""What a program prints, as bounded, clean lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from certbot_external_auth import text

LINE_LIMIT = 2000
"""Characters of one line that are passed on; the rest of the line is dropped."""
TOTAL_LIMIT = 1_000_000
"""Bytes of one program that reach the log; what comes after is read and dropped."""
LINES_LIMIT = 2000
"""The same in lines, since a record of the log is longer than a short line."""
TAIL_LINES = 10


@dataclass
class Output:
    """Turns the bytes of both pipes into lines.

    :ivar say: called with each line. :ivar masks: what is shown as ***.
    :ivar hear: called with what it prints on its standard output, as it comes: all of it, and unchanged.
    :ivar stdout: the beginning of its standard output. :ivar last: the last lines, masked.
    """

    say: Callable[[str], None]
    masks: Sequence[bytes] = ()
    hear: Callable[[bytes], None] | None = None
    last: deque[bytes] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    stdout: bytearray = field(default_factory=bytearray)
    partial: dict[int, bytearray] = field(default_factory=dict)
    total: int = 0
    lines: int = 0
    blank: bool = False

    def feed(self, key: int, data: bytes, standard: bool) -> None:
        if standard and self.hear is not None:
            self.hear(data)
        if standard and len(self.stdout) < text.LIMIT:
            self.stdout += data[: text.LIMIT - len(self.stdout)]
        buffer = self.partial.setdefault(key, bytearray())
        # What begins before the cut must be seen whole to be known.
        kept = LINE_LIMIT + max(map(len, self.masks), default=0)
        first, newline, more = data.partition(b"\n")
        buffer += first[: max(0, kept - len(buffer))]
        if not newline:
            return
        self._line(bytes(buffer))
        end = more.rfind(b"\n") + 1
        # What is not passed on costs next to nothing: a program may print for ever.
        lines = last_lines(more[:end]) if self._over else more[:end].split(b"\n")[:-1]
        for line in lines:
            self._line(line[:kept])
        buffer[:] = more[end : end + kept]

    def flush(self) -> None:
        for buffer in self.partial.values():
            if buffer:
                self._line(bytes(buffer))
                buffer.clear()

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(shown for shown in map(self._shown, self.last) if shown)

    def _line(self, data: bytes) -> None:
        data = masked(data, self.masks, LINE_LIMIT)
        if data.strip():
            self.last.append(data)
        if self._over:
            return
        self.total += len(data) + 1
        shown = self._shown(data)
        # Of empty lines in a row only the first is said.
        blank, self.blank = self.blank, not shown
        if blank and not shown and self.total <= TOTAL_LIMIT:
            return
        self.lines += 1
        self.say("(more output follows and is not logged)" if self._over else shown)

    @property
    def _over(self) -> bool:
        """Whether nothing more is passed on."""
        return self.total > TOTAL_LIMIT or self.lines > LINES_LIMIT

    def _shown(self, data: bytes) -> str:
        # A carriage return redraws the line on a terminal: what comes last is what a person would have seen.
        last = data.decode("utf-8", "replace").rstrip("\r").rsplit("\r", 1)[-1]
        shown = text.clean(last, LINE_LIMIT).rstrip().encode()
        # Again, since terminal sequences may have stood within.
        return masked(shown, self.masks, len(shown)).decode()


def last_lines(data: bytes) -> list[bytes]:
    """The last lines that are not blank, at most as many as a tail has, without a look at all of them.

    :param data: lines, each with its end.
    """
    found: list[bytes] = []
    end = len(data.rstrip())
    while end and len(found) < TAIL_LINES:
        begin = data.rfind(b"\n", 0, end) + 1
        found.append(data[begin : data.find(b"\n", end)])
        end = len(data[:begin].rstrip())
    return found[::-1]


def masked(data: bytes, masks: Sequence[bytes], limit: int) -> bytes:
    """The beginning of `data`, with *** for each stretch that masks cover, also where they overlap.

    :param limit: bytes of `data` that are looked at; a mask that begins within may end behind.
    """
    out: list[bytes] = []
    place = 0
    for begin, end in sorted(_covered(data, masks, limit)):
        if begin > place or not out:
            out += [data[place:begin], b"***"]
        place = max(place, end)
    return b"".join([*out, data[place:limit]])


def _covered(data: bytes, masks: Sequence[bytes], limit: int) -> Iterator[tuple[int, int]]:
    for mask in masks:
        begin = data.find(mask)
        while 0 <= begin < limit:
            yield begin, begin + len(mask)
            begin = data.find(mask, begin + 1)
