"""The processes of this machine as /proc shows them (proc(5)), and signals that reach exactly one of them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from certbot_external_auth import text

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_MAX_NAME_CHARACTERS = 64
# Zombie and dead: such a process runs no code any more.
_ENDED_STATES = ("Z", "X", "x")
_STAT_FIELDS = 20
"""Fields of /proc/PID/stat after the name, up to the start time."""


@dataclass(frozen=True)
class Process:
    """A process as /proc/PID/stat describes it.

    :ivar state: one letter, see proc(5).
    :ivar started: clock ticks between the start of the system and that of the process. A pid and this number together
        identify one process: the system gives the pid to another process later, but not with the same start time.
    """

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    started: int

    def __str__(self) -> str:
        # Only the name: arguments can hold secrets.
        return f"process {self.pid} ({self.name})"

    @property
    def ended(self) -> bool:
        """It had ended when the table was read, although its parent had not waited for it."""
        return self.state in _ENDED_STATES

    def still_runs(self) -> bool:
        """Tell whether the process runs now, even if it runs another program than before."""
        current = read_process(self.pid)
        return current is not None and current.started == self.started and not current.ended

    def send_signal(self, number: int) -> None:
        """Send a signal to this process, and never to another one that has got its pid since."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            try:
                descriptor = os.pidfd_open(self.pid)
            except (AttributeError, OSError):
                # Linux before 5.3 has no descriptors of processes, so the pid has to do.
                os.kill(self.pid, number)
                return
            try:
                current = read_process(self.pid)
                if current is not None and current.started == self.started:
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def current_ticks() -> int:
    """Return the current time in the unit of `Process.started`."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return int(time.clock_gettime(clock) * _TICKS_PER_SECOND)


def read_process_table() -> dict[int, Process]:
    """Return all processes that this process can see, by pid; empty on a system without /proc."""
    table = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            process = read_process(int(name)) if name.isdigit() else None
            if process is not None:
                table[process.pid] = process
    return table


def read_process(pid: int) -> Process | None:
    """Return the process with a pid; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return parse_stat(file.read())
    except (OSError, ValueError):
        return None


def parse_stat(stat: bytes) -> Process:
    """Parse the line of /proc/PID/stat. The process chooses its name, which can hold blanks and parentheses.

    :raises ValueError: if it is not such a line.
    """
    head, parenthesis, tail = stat.rpartition(b")")
    pid, _, name = head.partition(b" (")
    fields = tail.split()
    if not parenthesis or len(fields) < _STAT_FIELDS:
        raise ValueError("not a line of /proc/PID/stat")
    parent, group, session = map(int, fields[1:4])
    shown = text.one_line(name.decode("utf-8", "replace"), _MAX_NAME_CHARACTERS)
    return Process(int(pid), shown, fields[0].decode("ascii", "replace"), parent, group, session, int(fields[19]))


def running_below(table: Mapping[int, Process], roots: Iterable[int]) -> list[Process]:
    """Return the processes with the pids `roots` and all their descendants, without those that have ended."""
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    waiting, reached = list(dict.fromkeys(roots)), {}
    while waiting:
        pid = waiting.pop()
        if pid not in reached and pid in table:
            reached[pid] = table[pid]
            waiting += children.get(pid, [])
    return [process for process in reached.values() if not process.ended]


def with_ancestors(table: Mapping[int, Process], pid: int) -> set[int]:
    """Return a pid and the pids of all its ancestors."""
    pids: set[int] = set()
    while pid not in pids:
        pids.add(pid)
        pid = table[pid].parent if pid in table else pid
    return pids


def holds_pipe(pid: int, pipes: Collection[int]) -> bool:
    """Tell whether a process has one of these pipes open.

    :param pipes: their inodes.
    """
    names = {f"pipe:[{inode}]" for inode in pipes}
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") in names:
                    return True
    return False
