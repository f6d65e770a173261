"""What a handler prints when it publishes, for dialects that pass it on to the cleanup handler."""

from __future__ import annotations

import os
from collections.abc import Sequence

from certbot_external_auth.processes.exec_limits import MAX_STRING_BYTES

MAX_HEARD_BYTES = MAX_STRING_BYTES
"""Bytes kept of the end of the output for one challenge: more than a variable can hold."""
_OF_A_CHARACTER = range(0x80, 0xC0)
"""Bytes of UTF-8 that continue a character."""


class Heard:
    """What the handler prints for one challenge. :ivar ended: whether its call has succeeded."""

    def __init__(self) -> None:
        self._end = bytearray()
        self.ended = False

    def add(self, data: bytes) -> None:
        """Add the next piece."""
        self._end += data
        if len(self._end) > 2 * MAX_HEARD_BYTES:
            del self._end[:-MAX_HEARD_BYTES]

    @property
    def text(self) -> str | None:
        """What the cleanup handler gets; None if the call was stopped or failed before it printed anything."""
        output = told(bytes(self._end))
        return output if output or self.ended else None


def told(data: bytes) -> str:
    """Return output as Certbot passes it on: without white space around it. A variable cannot hold NUL."""
    return os.fsdecode(data.replace(b"\0", b"")).strip()


def fitting(text: str, room: int) -> str:
    """Return the end of a text. :param room: bytes that it can have."""
    data = os.fsencode(text)
    if len(data) <= room:
        return text
    end = data[len(data) - room :] if room > 0 else b""
    while end and end[0] in _OF_A_CHARACTER:
        end = end[1:]
    return os.fsdecode(end)


def same_program(words: Sequence[str], others: Sequence[str] | None) -> bool:
    """Whether the cleanup handler is started exactly as the handler is. Then only variables say which of both it is."""
    if not words or not others or list(words[1:]) != list(others[1:]):
        return False
    if os.path.basename(words[0]) != os.path.basename(others[0]):
        # Some programs act by the name they are called by.
        return False
    return os.path.realpath(words[0]) == os.path.realpath(others[0])


def unsafe(told_output: bool, words: Sequence[str], cleanup_words: Sequence[str] | None, output: str | None) -> bool:
    """Tell whether the call that shall withdraw may publish instead.

    :param told_output: the dialect's cleanup uses what the handler printed.
    :param output: what the handler printed when it published, None if that is not known.
    """
    return output is None and told_output and same_program(words, cleanup_words)
