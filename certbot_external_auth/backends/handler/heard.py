"""Keeps what a handler prints when it publishes, for dialects that pass it on to the cleanup handler."""

from __future__ import annotations

import os

from certbot_external_auth.interfaces import DialectAbilities
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
    def printed(self) -> str:
        """All of it, or its end, however the call ended."""
        return told(bytes(self._end))

    @property
    def text(self) -> str | None:
        """What the cleanup handler gets; see `known`."""
        return known(bytes(self._end), self.ended)


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


def known(printed: bytes, ended_well: bool) -> str | None:
    """Return the output that a cleanup handler may be called with; None if it is not known.

    A hook may tell by its output whether it is to publish or to withdraw. Only a publishing call that has ended with
    success has certainly printed what the hook looks for. The output of any other call proves nothing.

    :param printed: all of the output, or its end.
    :param ended_well: the publishing call ended with success.
    """
    return told(printed) if ended_well else None


def unsafe(abilities: DialectAbilities, output: str | None) -> bool:
    """Tell whether the call that is meant to withdraw may publish instead, whatever the two programs are.

    :param abilities: the cleanup of some dialects uses what the handler printed.
    :param output: see `known`.
    """
    return abilities.told_output and not abilities.private_output and output is None
