"""What a program has started in turn: found in /proc, below this process, and ended with it.

A program leaves its process group by one system call (setsid), and its parent by ending it. It cannot leave its
ancestors: this process has the orphans among its descendants given to itself instead of to init (prctl(2),
PR_SET_CHILD_SUBREAPER). Where several programs run, the mark that each is started with (`mark`) tells whose orphan it
is. Out of reach is what another service starts on request (systemd-run, at, cron, docker). While others run, an orphan
without a mark that has none of the program's pipes is nobody's: a program that sets its limits anew makes it, and a
system that has no marks. It is ended when all are, but not at the time limit of one. Where there is no /proc, only the
process group is known.

Process 1 of a container is given the orphans of everything that runs there. There, one without a mark and without one
of the program's pipes may be of another making altogether, and is never touched.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from certbot_external_auth import text
from certbot_external_auth.processes import rlimit_tag

_PR_SET_CHILD_SUBREAPER = 36
_TICKS = os.sysconf("SC_CLK_TCK")
_NAME_LIMIT = 64
_ended: tuple[str, ...] = ("Z", "X", "x")


@dataclass(frozen=True)
class Member:
    """A process as /proc/PID/stat tells it (proc(5)).

    :ivar started: clock ticks since the system was started; with the pid it is one process and never another.
    """

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    started: int

    def __str__(self) -> str:
        # Its name only: arguments may hold secrets.
        return f"process {self.pid} ({self.name})"


@functools.cache
def adopt() -> bool:
    """Have orphans among the descendants of this process given to it; whether the system can do that."""
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def _adopts_all() -> bool:
    """Whether orphans are given to this process that no descendant of it has made."""
    return os.getpid() == 1


def now() -> int:
    """The time as `Member.started` counts it."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return int(time.clock_gettime(clock) * _TICKS)


def parse(stat: bytes) -> Member:
    """One line of /proc/PID/stat; the name in it may hold blanks and parentheses.

    :raises ValueError: if it is none.
    """
    head, parenthesis, tail = stat.rpartition(b")")
    pid, _, name = head.partition(b" (")
    fields = tail.split()
    if not parenthesis or len(fields) < 20:
        raise ValueError("no line of /proc/PID/stat")
    parent, group, session = map(int, fields[1:4])
    shown = text.one_line(name.decode("utf-8", "replace"), _NAME_LIMIT)
    return Member(int(pid), shown, fields[0].decode("ascii", "replace"), parent, group, session, int(fields[19]))


def look() -> dict[int, Member]:
    """All processes that can be seen, by pid; empty where there is no /proc."""
    found = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            one = member(int(name)) if name.isdigit() else None
            if one is not None:
                found[one.pid] = one
    return found


def member(pid: int) -> Member | None:
    """The process with that number, if there is one."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return parse(file.read())
    except (OSError, ValueError):
        return None


def orphans(table: dict[int, Member], since: int, leaders: Collection[int]) -> list[Member]:
    """Those given to this process since a time, the ended ones among them.

    :param leaders: programs that this process has started itself.
    """
    own, session = os.getpid(), os.getsid(0)
    return [
        one
        for one in table.values()
        # What others started from here on purpose, Certbot's own hooks say, is in this session.
        if one.parent == own and one.session != session and one.started >= since and one.pid not in leaders
    ]


def descendants(table: dict[int, Member], roots: Iterable[int]) -> list[Member]:
    """The roots and everything below them that has not ended."""
    children: dict[int, list[int]] = {}
    for one in table.values():
        children.setdefault(one.parent, []).append(one.pid)
    waiting, found = list(dict.fromkeys(roots)), {}
    while waiting:
        pid = waiting.pop()
        if pid not in found and pid in table:
            found[pid] = table[pid]
            waiting += children.get(pid, [])
    return [one for one in found.values() if one.state not in _ended]


def ancestors(table: Mapping[int, Member], pid: int) -> set[int]:
    """A process, and those that it descends from."""
    found: set[int] = set()
    while pid not in found:
        found.add(pid)
        pid = table[pid].parent if pid in table else pid
    return found


def goes_on(one: Member) -> bool:
    """Whether it has not ended, whatever program it is now."""
    now = member(one.pid)
    return now is not None and now.started == one.started and now.state not in _ended


def holds(pid: int, pipes: Collection[int]) -> bool:
    """Whether a process has one of these pipes open, given by their inodes."""
    wanted = {f"pipe:[{inode}]" for inode in pipes}
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}") in wanted:
                    return True
    return False


def send(to: Member, number: int) -> None:
    """A signal to this process, never to another that has got its number since."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        try:
            descriptor = os.pidfd_open(to.pid)
        except (AttributeError, OSError):
            # Kernels below 5.3: the number is all there is.
            os.kill(to.pid, number)
            return
        try:
            again = member(to.pid)
            if again is not None and again.started == to.started:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def collect(members: Iterable[Member], marked: bool) -> None:
    """Let the ended ones among children go.

    :param marked: those alone that have a mark; another part of this process may wait for the others.
    """
    for one in members:
        if one.state in _ended and (not marked or rlimit_tag.of(one.pid) is not None):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(one.pid, os.WNOHANG)


def children() -> set[int] | None:
    """Pids of this process's children, running or ended; None where the system does not tell them.

    See proc(5), /proc/PID/task/TID/children.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()
    try:
        found: set[int] = set()
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                found.update(map(int, file.read().split()))
    except (OSError, ValueError):
        return None
    return found


_LOADED = now()


class Family:
    """One program, and what it has started in turn.

    :param leader: its pid, which is that of its session and group too.
    :param since: `now()` from before it was started.
    :param number: its mark, if it has one.
    :param pipes: inodes of the pipes it was given.
    :param beside: gives the pids of programs that run beside it.
    """

    def __init__(
        self,
        leader: int,
        since: int,
        number: int | None,
        pipes: Collection[int],
        beside: Callable[[], Collection[int]],
    ) -> None:
        self.since = since
        self._leader = leader
        self._mark = number
        self._pipes = pipes
        self._beside = beside
        self._adopts = False

    def adopt_unmarked(self, since: int) -> None:
        """From now on all orphans since then whose mark tells nothing are its own: what runs beside it ends too."""
        self.since = since
        self._adopts = True

    def running(self, leader_ended: bool) -> list[Member]:
        """All that have not ended, but for the program itself if it has been waited for; ended children are let go."""
        table = look()
        others = self._beside()
        roots = [one for one in table.values() if one.session == self._leader and one.started >= self.since]
        roots += [one for one in orphans(table, self.since, [self._leader, *others]) if self._is_own(one, others)]
        collect(orphans(table, _LOADED, [self._leader, *others]), marked=self._mark is not None)
        return descendants(table, (one.pid for one in roots if not (leader_ended and one.pid == self._leader)))

    def _is_own(self, orphan: Member, others: Collection[int]) -> bool:
        found = rlimit_tag.of(orphan.pid)
        if found is not None and self._mark is not None:
            return found == self._mark
        alone = self._adopts or not others
        return (alone and not _adopts_all()) or holds(orphan.pid, self._pipes)

    def none_runs(self) -> bool:
        """Whether nothing is left of it, the program itself having been waited for."""
        # A look is not one moment: who starts another and ends meanwhile may hide both from it.
        return not self.running(leader_ended=True) and not self.running(leader_ended=True)

    def holding(self, members: Iterable[Member]) -> list[Member]:
        """Those that have one of its pipes open."""
        return [one for one in members if holds(one.pid, self._pipes)]

    def send(self, number: int, leader_ended: bool) -> list[Member]:
        """A signal to the group, and to each that has left it; those that had not ended."""
        members = self.running(leader_ended)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader, number)
        for one in members:
            if one.group != self._leader:
                send(one, number)
        return members

    def may_go_on(self) -> bool:
        """Whether a look at all processes could find something that goes on after the program, which is not cheap."""
        found = children()
        return found is None or not found <= {self._leader, *self._beside()}

    def group_alive(self) -> bool:
        """Whether somebody is left in the group, once the program itself has been waited for."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self._leader, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(self._leader, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
