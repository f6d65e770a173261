"""Computes whether a program can start: execve(2), "Limits on size of arguments and environment"."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_STRING_BYTES = 131_072
"""MAX_ARG_STRLEN in Linux: size of one argument or variable, with the NUL at its end."""
_MAX_TOTAL_BYTES = 6 * 1024 * 1024
"""Three quarters of _STK_LIM in Linux, for arguments and environment together; a larger stack does not raise it."""
_POINTER_BYTES = 8
RESERVED_BYTES = 4096
"""Room for the auxiliary vector, and for the interpreter and script that a first line `#!` adds."""


def system_limit() -> int:
    """Return how many bytes of arguments and environment this process can pass to a program; `ulimit -s` changes it."""
    return min(os.sysconf("SC_ARG_MAX"), _MAX_TOTAL_BYTES)


@dataclass(frozen=True)
class Size:
    """The size of arguments and variables.

    :ivar total: bytes of all, with the pointers to them.
    :ivar largest: bytes of the largest one.
    :ivar what: what the largest one is, in words.
    """

    total: int
    largest: int
    what: str

    def __add__(self, other: Size) -> Size:
        """Return the size of both together."""
        larger = self if self.largest >= other.largest else other
        return Size(self.total + other.total, larger.largest, larger.what)


def measure(argv: Sequence[str], environment: Mapping[str, str]) -> Size:
    """Return the size of arguments and variables. It holds no value of a variable."""
    sizes = [(_size(word), f"argument {number}") for number, word in enumerate(argv)]
    sizes += [(_size(name) + _size(value), f"the variable {name}") for name, value in environment.items()]
    largest, what = max(sizes, default=(0, ""))
    return Size(sum(size + _POINTER_BYTES for size, _ in sizes), largest, what)


def too_large(size: Size, limit: int) -> str | None:
    """Return why a program cannot start with arguments and variables of a size; None if it can.

    :param limit: bytes, see `system_limit`.
    """
    if size.largest > MAX_STRING_BYTES:
        return f"{size.what} is {size.largest} bytes long, and this system passes {MAX_STRING_BYTES} at most"
    total = size.total + RESERVED_BYTES
    if total > limit:
        return (
            f"arguments and environment take {total} bytes, of which {size.what} takes {size.largest}, and this system "
            f"passes {limit} at most"
        )
    return None


def room(name: str, rest: Size, limit: int) -> int:
    """Return how many bytes the value of a variable can have.

    :param rest: the size of all arguments and variables, with this one empty.
    :param limit: bytes, see `system_limit`.
    """
    return max(0, min(MAX_STRING_BYTES - _size(name) - 1, limit - RESERVED_BYTES - rest.total))


def _size(text: str) -> int:
    """Return the bytes of a text with the NUL or equals sign after it."""
    return 1 + (len(text) if text.isascii() else len(os.fsencode(text)))
