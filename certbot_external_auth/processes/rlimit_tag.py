"""A number that a program has in common with all that it starts, and with nothing else: its limit of file locks.

Resource limits are inherited by every child (getrlimit(2)), whatever it closes, clears or leaves, and /proc/PID/limits
tells them to everybody (proc(5)). RLIMIT_LOCKS has had no effect since Linux 2.4.25, so its soft limit can carry a
number without a variable, a descriptor or a word that the program would see. A program that sets this limit itself, as
a log-in may, has no mark from then on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import sys
from collections.abc import Iterator

_RLIMIT_LOCKS = 10
"""The same on all architectures of Linux; Python has no name for it."""
_LIMITS = "/proc/{}/limits"
_ROW = "Max file locks"
# A program of ours may be a Certbot again, which marks what it starts.
_MOST = 0x10000
_FIRST = (os.getpid() & 0x7FFF) * _MOST + 1
_numbers = itertools.count(_FIRST)


@contextlib.contextmanager
def marked() -> Iterator[int | None]:
    """What is started within has this mark; None if the system does not let us give one."""
    if sys.platform != "linux":
        yield None
        return
    number = next(_numbers)
    try:
        before = resource.getrlimit(_RLIMIT_LOCKS)
        resource.setrlimit(_RLIMIT_LOCKS, (number, before[1]))
    except (OSError, ValueError):
        # A hard limit below the number, or a sandbox that has no such limit.
        yield None
        return
    try:
        yield number
    finally:
        resource.setrlimit(_RLIMIT_LOCKS, before)


def of(pid: int) -> int | None:
    """The mark of a running process; None if it has none that was given in this process."""
    try:
        with open(_LIMITS.format(pid), encoding="ascii", errors="replace") as file:
            (row,) = (line for line in file if line.startswith(_ROW))
        number = int(row.removeprefix(_ROW).split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return number if _FIRST <= number < _FIRST + _MOST else None
