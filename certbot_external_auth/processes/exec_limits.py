"""How much a program may be given at its start: execve(2), "Limits on size of arguments and environment"."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STRING_LIMIT = 131_072
"""MAX_ARG_STRLEN: bytes of one argument or variable, with the NUL at its end."""
TOTAL_LIMIT = 6 * 1024 * 1024
"""Three quarters of _STK_LIM: what Linux passes however large the stack may grow."""
POINTER = 8
RESERVE = 4096
"""For the auxiliary vector, and for the interpreter and script that a first line `#!` adds."""


def system_limit() -> int:
    """Bytes of arguments and environment together that this process may pass on; `ulimit -s` moves it."""
    return min(os.sysconf("SC_ARG_MAX"), TOTAL_LIMIT)


@dataclass(frozen=True)
class Size:
    """Of arguments and variables.

    :ivar total: bytes, with the pointers to them. :ivar largest: bytes of the largest one. :ivar what: its name.
    """

    total: int
    largest: int
    what: str

    def __add__(self, other: Size) -> Size:
        """Of both together."""
        larger = self if self.largest >= other.largest else other
        return Size(self.total + other.total, larger.largest, larger.what)


def measure(argv: Sequence[str], environment: Mapping[str, str]) -> Size:
    """What they take. Names of variables are kept, values are not."""
    sizes = [(_size(word), f"argument {number}") for number, word in enumerate(argv)]
    sizes += [(_size(name) + _size(value), f"the variable {name}") for name, value in environment.items()]
    largest, what = max(sizes, default=(0, ""))
    return Size(sum(size + POINTER for size, _ in sizes), largest, what)


def too_large(size: Size, limit: int) -> str | None:
    """Why a program cannot be started with that, None if it can.

    :param limit: bytes, see `system_limit`.
    """
    if size.largest > STRING_LIMIT:
        return f"{size.what} is {size.largest} bytes long, and this system passes {STRING_LIMIT} at most"
    total = size.total + RESERVE
    if total > limit:
        return (
            f"arguments and environment take {total} bytes, of which {size.what} takes {size.largest}, and this system "
            f"passes {limit} at most"
        )
    return None


def room(name: str, rest: Size, limit: int) -> int:
    """Bytes that a variable of that name may have as its value.

    :param rest: of all that the program is given, with the variable empty. :param limit: see `system_limit`.
    """
    return max(0, min(STRING_LIMIT - _size(name) - 1, limit - RESERVE - rest.total))


def _size(text: str) -> int:
    """With the NUL, or the sign of equality, that follows it."""
    return 1 + (len(text) if text.isascii() else len(os.fsencode(text)))
