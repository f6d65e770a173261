"""Turns the output of a program into lines that are safe to log: cleaned, masked, and limited in size and number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from certbot_external_auth import text

MAX_LINE_CHARACTERS = 2000
"""The rest of a longer line is dropped."""
MAX_LOGGED_BYTES = 1_000_000
"""Output of one program in the log; later output is read and dropped."""
MAX_LOGGED_LINES = 2000
"""The same in lines, since a log record is longer than a short line."""
TAIL_LINES = 10
"""Last lines of output that are shown in an error."""


@dataclass
class Output:
    """The output of one program, from both pipes.

    :ivar say: called with each line to log.
    :ivar masks: secrets that are replaced with ***.
    :ivar hear: called with each piece of the standard output, unchanged, as soon as it is read.
    :ivar last: the last lines, masked.
    :ivar stdout: the beginning of the standard output.
    :ivar partial: by pipe, the beginning of a line whose end has not been read.
    :ivar total: bytes passed on so far.
    :ivar lines: lines passed on so far.
    :ivar blank: the last line was empty.
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
        """Take in what was read from a pipe.

        :param key: identifies the pipe.
        :param standard: it is the standard output.
        """
        if standard and self.hear is not None:
            self.hear(data)
        if standard and len(self.stdout) < text.MAX_CHARACTERS:
            self.stdout += data[: text.MAX_CHARACTERS - len(self.stdout)]
        buffer = self.partial.setdefault(key, bytearray())
        # A secret that begins before the cut is recognized only if all of it is kept.
        kept = MAX_LINE_CHARACTERS + max(map(len, self.masks), default=0)
        first, newline, more = data.partition(b"\n")
        buffer += first[: max(0, kept - len(buffer))]
        if not newline:
            return
        self._line(bytes(buffer))
        end = more.rfind(b"\n") + 1
        # Lines that are not passed on must cost little: a program may print without end.
        lines = last_lines(more[:end]) if self._over else more[:end].split(b"\n")[:-1]
        for line in lines:
            self._line(line[:kept])
        buffer[:] = more[end : end + kept]

    def flush(self) -> None:
        """Pass on lines that have no end, once the program has ended."""
        for buffer in self.partial.values():
            if buffer:
                self._line(bytes(buffer))
                buffer.clear()

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines, cleaned."""
        return tuple(shown for shown in map(self._shown, self.last) if shown)

    def _line(self, data: bytes) -> None:
        data = masked(data, self.masks, MAX_LINE_CHARACTERS)
        if data.strip():
            self.last.append(data)
        if self._over:
            return
        self.total += len(data) + 1
        shown = self._shown(data)
        # Of several empty lines in a row only the first is logged.
        blank, self.blank = self.blank, not shown
        if blank and not shown and self.total <= MAX_LOGGED_BYTES:
            return
        self.lines += 1
        self.say("(more output follows and is not logged)" if self._over else shown)

    @property
    def _over(self) -> bool:
        """The limits are reached, so nothing more is passed on."""
        return self.total > MAX_LOGGED_BYTES or self.lines > MAX_LOGGED_LINES

    def _shown(self, data: bytes) -> str:
        # A carriage return overwrites the line on a terminal, so a person sees what comes after the last one.
        last = data.decode("utf-8", "replace").rstrip("\r").rsplit("\r", 1)[-1]
        shown = text.clean(last, MAX_LINE_CHARACTERS).rstrip().encode()
        # Mask again: a secret can have had terminal sequences in it.
        return masked(shown, self.masks, len(shown)).decode()


def last_lines(data: bytes) -> list[bytes]:
    """Return the last `TAIL_LINES` lines that are not blank, without splitting all of them.

    :param data: lines, each with its end.
    """
    tail: list[bytes] = []
    end = len(data.rstrip())
    while end and len(tail) < TAIL_LINES:
        begin = data.rfind(b"\n", 0, end) + 1
        tail.append(data[begin : data.find(b"\n", end)])
        end = len(data[:begin].rstrip())
    return tail[::-1]


def masked(data: bytes, masks: Sequence[bytes], limit: int) -> bytes:
    """Return the beginning of `data`, with *** for each stretch that one or more masks cover.

    :param limit: bytes of `data` that are returned. A mask that begins within them can end after them.
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
