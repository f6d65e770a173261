"""Tags a program and all its descendants with a number: their limit of file locks.

Every child inherits resource limits (getrlimit(2)), whatever it closes or clears and whichever session it joins, and
/proc/PID/limits shows them (proc(5)). RLIMIT_LOCKS has had no effect since Linux 2.4.25, so its soft limit can carry a
number. The program sees no variable, descriptor or argument for it. A program that sets this limit itself loses its
tag.

Pipes and sessions alone do not identify a daemon: it leaves its session and closes the pipes. Without the tag, the
plugin could not end the daemon of a program that exceeds its time limit while other programs run, could end a server
that a successful program left running on purpose, and could take the exit code of a child that another part of this
process waits for.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import sys
from collections.abc import Iterator

_RLIMIT_LOCKS = 10
"""The number on all architectures of Linux; the module `resource` has no name for it."""
_LIMITS = "/proc/{}/limits"
_ROW = "Max file locks"
# A program can be another Certbot that tags its own programs, so each process uses a range of its own.
_RANGE = 0x10000
_FIRST = (os.getpid() & 0x7FFF) * _RANGE + 1
_numbers = itertools.count(_FIRST)


@contextlib.contextmanager
def tagging() -> Iterator[int | None]:
    """Tag programs that the block starts; gives the block the tag, or None if the system does not permit one."""
    if sys.platform != "linux":
        yield None
        return
    number = next(_numbers)
    try:
        before = resource.getrlimit(_RLIMIT_LOCKS)
        resource.setrlimit(_RLIMIT_LOCKS, (number, before[1]))
    except (OSError, ValueError):
        # The hard limit is below the number, or a sandbox does not have this limit.
        yield None
        return
    try:
        yield number
    finally:
        resource.setrlimit(_RLIMIT_LOCKS, before)


def of(pid: int) -> int | None:
    """Return the tag of a process; None if it has no tag, or one from another process."""
    try:
        with open(_LIMITS.format(pid), encoding="ascii", errors="replace") as file:
            (row,) = (line for line in file if line.startswith(_ROW))
        number = int(row.removeprefix(_ROW).split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return number if _FIRST <= number < _FIRST + _RANGE else None
