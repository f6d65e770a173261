"""Finds in /proc the processes that a program has started, directly or through others, and ends them with it.

A process leaves its process group with one system call (setsid), and its parent when that parent ends. It cannot leave
its ancestors: this process makes itself the parent of orphans among its descendants, in place of init (prctl(2),
PR_SET_CHILD_SUBREAPER).

An orphan belongs to the program whose tag it has (see `rlimit_tag`), or whose output pipes it holds open. If it has
neither, it belongs to the only program that runs. It is left alone if several programs run, because any of them could
have left it, and in process 1 of a container, which also adopts orphans of unrelated programs.

The plugin does not find processes that another service starts on request (systemd-run, at, cron, docker). On a system
without /proc it knows only the process group.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Collection, Iterable, Mapping

from certbot_external_auth.processes import rlimit_tag
from certbot_external_auth.processes.table import (
    Process,
    current_ticks,
    holds_pipe,
    read_process_table,
    running_below,
)

_PR_SET_CHILD_SUBREAPER = 36
_LOADED = current_ticks()
"""Orphans that are older than this module were not started here."""


@functools.cache
def adopt_orphans() -> bool:
    """Make this process the parent of orphans among its descendants, and return whether the system can do that."""
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def orphans(table: Mapping[int, Process], since: int, leaders: Collection[int]) -> list[Process]:
    """Return the orphans that this process has adopted, including those that have ended.

    :param since: only orphans that started at this time or later, in clock ticks.
    :param leaders: pids of the programs that this process has started itself.
    """
    own, session = os.getpid(), os.getsid(0)
    return [
        process
        for process in table.values()
        # Children in this process's own session, such as Certbot's hooks, were started by another part of it.
        if process.parent == own
        and process.session != session
        and process.started >= since
        and process.pid not in leaders
    ]


def reap_tagged(processes: Iterable[Process]) -> None:
    """Let the system forget the children with a tag that have ended. Other parts of this process wait for the rest."""
    for process in processes:
        if process.ended and rlimit_tag.of(process.pid) is not None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def children() -> set[int] | None:
    """Return the pids of this process's children, running or ended; None if the system does not list them.

    See proc(5), /proc/PID/task/TID/children.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()
    try:
        pids: set[int] = set()
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                pids.update(map(int, file.read().split()))
    except (OSError, ValueError):
        return None
    return pids


class ProgramTree:
    """A program that this process has started, and everything that the program has started in turn.

    :param leader: pid of the program, which is also the number of its process group and session.
    :param since: a time before its start, in clock ticks.
    :param tag: its tag; None if it could not be given one.
    :param pipes: inodes of the pipes it writes its output to.
    :param beside: returns the pids of the programs that run at the same time.
    """

    def __init__(
        self,
        leader: int,
        since: int,
        tag: int | None,
        pipes: Collection[int],
        beside: Callable[[], Collection[int]],
    ) -> None:
        self._leader = leader
        self._since = since
        self._tag = tag
        self._pipes = pipes
        self._beside = beside

    def running(self, leader_ended: bool) -> list[Process]:
        """Return all its processes that have not ended, and reap the orphans that have.

        :param leader_ended: the program has been waited for, so its pid can belong to another process by now.
        """
        table = read_process_table()
        leaders = [self._leader, *self._beside()]
        roots = [p for p in table.values() if p.session == self._leader and p.started >= self._since]
        roots += filter(self._owns, orphans(table, self._since, leaders))
        reap_tagged(orphans(table, _LOADED, leaders))
        return running_below(table, (p.pid for p in roots if not (leader_ended and p.pid == self._leader)))

    def _owns(self, orphan: Process) -> bool:
        tag = rlimit_tag.of(orphan.pid)
        if tag is not None and self._tag is not None:
            return tag == self._tag
        runs_alone = not self._beside() and os.getpid() != 1
        return runs_alone or holds_pipe(orphan.pid, self._pipes)

    def none_runs(self) -> bool:
        """Tell whether all its processes have ended, once the program itself has been waited for."""
        # Read twice: a process that starts another one and ends while the table is read can hide both from it.
        return not self.running(leader_ended=True) and not self.running(leader_ended=True)

    def with_open_pipes(self, processes: Iterable[Process]) -> list[Process]:
        """Return those of the processes that hold one of the program's output pipes open."""
        return [process for process in processes if holds_pipe(process.pid, self._pipes)]

    def send_signal(self, number: int, leader_ended: bool) -> list[Process]:
        """Send a signal to its process group, and to each of its processes outside the group.

        :returns: the processes that had not ended.
        """
        processes = self.running(leader_ended)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader, number)
        for process in processes:
            if process.group != self._leader:
                process.send_signal(number)
        return processes

    def may_have_left_something(self) -> bool:
        """Tell whether a process that the program started may still run. Reading the whole table is not this cheap."""
        pids = children()
        return pids is None or not pids <= {self._leader, *self._beside()}

    def group_alive(self) -> bool:
        """Tell whether the process group has a member, once the program itself has been waited for."""
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
