"""The one place where programs are started: by argument list, in a session of their own, with a time limit.

Any number of them runs at a time, in one loop in the caller's thread: a signal that Certbot turns into an exception
arrives there at once, and ends all of them together.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from certbot_external_auth.processes import descendants, rlimit_tag
from certbot_external_auth.processes.child import Child
from certbot_external_auth.processes.descendants import Family
from certbot_external_auth.processes.poller import Watch
from certbot_external_auth.processes.program import Ended, Program
from certbot_external_auth.processes.running import Running
from certbot_external_auth.signals import deferral, dispositions

_DESCRIPTORS = 4
"""Of one program: three pipes, and one that tells its end."""
_OTHERS = 256
"""Descriptors that Certbot, what lingers, and the start of a program may need."""
_MANY = 10_000

Key = TypeVar("Key")


def capacity() -> int:
    """How many programs can run at a time with the descriptors this process may have."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if most == resource.RLIM_INFINITY else max(1, (most - _OTHERS) // _DESCRIPTORS)


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    stdin: bytes | None = None,
    umask: int | None = None,
    folder: str | None = None,
    limit: float | None = None,
) -> Ended:
    """Run one program to its end; the parameters are those of `Program`, the rules those of `Together`."""
    with Together[None]() as together:
        together.start(None, Program(argv, environment, say, stdin, umask, folder, limit))
        ((_, ended),) = together.wait()
        return ended


class Together(Generic[Key]):
    """Programs that run side by side; a context manager.

    A program has ended when the program itself has, even if a child of it still holds the pipes. At its time limit,
    and for all of them whenever an exception (a signal that Certbot turned into one, Ctrl-C) leaves the context, the
    whole process group, and what has left it, gets SIGTERM and, five seconds later or at the next exception, SIGKILL.
    """

    def __init__(self) -> None:
        dispositions.settle()
        descendants.adopt()
        self._watch = Watch()
        self._signals = deferral.Postponing()
        self._stack = contextlib.ExitStack()
        self._running: dict[int, tuple[Key, Running]] = {}
        self._ended: list[tuple[Key, Ended]] = []

    def __enter__(self) -> Together[Key]:
        self._stack.enter_context(self._signals)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._running:
                self._stop()
        finally:
            with self._stack.pop_all(), self._signals.put_off():
                for _, running in self._running.values():
                    running.abandon()
                self._running.clear()

    def __len__(self) -> int:
        """Programs started whose end `wait` has not told."""
        return len(self._running) + len(self._ended)

    def start(self, key: Key, program: Program) -> None:
        """Start a program; whatever becomes of it is told by `wait`, with its `key`."""
        since = descendants.now()
        # An exception between its start and its entry here would leave nobody to end it.
        with self._signals.put_off():
            try:
                with dispositions.for_a_program(), rlimit_tag.marked() as number:
                    popen = _popen(program)
            except (OSError, ValueError) as error:
                self._ended.append((key, Ended(refused=getattr(error, "strerror", None) or str(error))))
                return
            running = Running(popen, program, self._watch, self._family(popen, since, number))
            self._running[popen.pid] = (key, running)
            running.begin()

    def _family(self, popen: subprocess.Popen[bytes], since: int, number: int | None) -> Family:
        pipes = [os.fstat(pipe.fileno()).st_ino for pipe in (popen.stdout, popen.stderr) if pipe is not None]
        return Family(popen.pid, since, number, pipes, beside=lambda: self._running.keys() - {popen.pid})

    def wait(self) -> list[tuple[Key, Ended]]:
        """Move bytes until at least one program has ended; those that have.

        Returns an empty list only if nothing runs.
        """
        while self._running and not self._ended:
            self._turn()
        ended, self._ended = self._ended, []
        return ended

    def _turn(self) -> None:
        """Wait until something happens, and see to it."""
        self._watch.wait(min(running.patience() for _, running in self._running.values()))
        for pid, (key, running) in list(self._running.items()):
            if running.see_to():
                # Its number may be another's from now on.
                del self._running[pid]
                self._ended.append((key, running.ended()))

    def _stop(self) -> None:
        since = min(running.family.since for _, running in self._running.values())
        for _, running in self._running.values():
            running.family.adopt_unmarked(since)
        for _, running in self._running.values():
            running.stop()
            # What follows an exception is not worth another one.
            running.output.say = _nobody
        while self._running:
            self._turn()


def _popen(program: Program) -> subprocess.Popen[bytes]:
    """As cheap as it gets: without functions to call in the child, Python uses vfork, in a session of its own too."""
    return subprocess.Popen(
        list(program.argv),
        bufsize=0,
        stdin=subprocess.DEVNULL if program.stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.environment,
        umask=-1 if program.umask is None else program.umask,
        cwd=program.folder,
        start_new_session=True,
        close_fds=True,
    )


_NOTING_ITS_CODE = (
    'trap : HUP INT QUIT TERM; "$@"; code=$?; umask 077; '
    'echo "$code" >"$0" || { rm -f "${0%/*}/room"; echo "$code" >"$0"; }'
)
"""Nobody else is there to be told it. A signal for the whole group ends the program, and is not passed on otherwise.

On a full disk what was kept free for such notes (`sessions/record.py`) makes room.
"""


def detached(
    argv: Sequence[str], *, environment: Mapping[str, str], output: str, code: str, inherited: Sequence[int]
) -> tuple[int, Callable[[], bool]]:
    """Start a program that goes on when this process has ended, below a shell in a session of its own.

    :param output: a new file for all it prints, 0600. :param code: a file for its exit code, written before the end.
    :param inherited: descriptors that it keeps.
    :returns: the pid of the shell, and what tells whether it has ended.
    :raises OSError: if it cannot be started.
    """
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with dispositions.for_a_program():
            popen = subprocess.Popen(
                ["/bin/sh", "-c", _NOTING_ITS_CODE, code, *argv],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=dict(environment),
                start_new_session=True,
                pass_fds=tuple(inherited),
            )
    finally:
        os.close(descriptor)
    return popen.pid, Child(popen).poll


def _nobody(line: str) -> None:
    pass
