"""How much a program may be given at its start: execve(2), "Limits on size of arguments and environment"."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

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


def too_large(argv: Sequence[str], environment: Mapping[str, str], limit: int) -> str | None:
    """Why a program cannot be started with these, None if it can. Values are never shown.

    :param limit: bytes, see `system_limit`.
    """
    sizes = [(_size(word), f"argument {number}") for number, word in enumerate(argv)]
    sizes += [(_size(f"{name}={value}"), f"the variable {name}") for name, value in environment.items()]
    largest, what = max(sizes)
    if largest > STRING_LIMIT:
        return f"{what} is {largest} bytes long, and this system passes {STRING_LIMIT} at most"
    total = sum(size + POINTER for size, _ in sizes) + RESERVE
    if total > limit:
        return (
            f"arguments and environment take {total} bytes, of which {what} takes {largest}, and this system passes "
            f"{limit} at most"
        )
    return None


def _size(text: str) -> int:
    return len(os.fsencode(text)) + 1
