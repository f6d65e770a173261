"""Starts programs, and is the only module that does: by argument list, in sessions of their own, with a time limit.

Several programs can run at the same time. One loop in the caller's thread serves all of them, so that a signal which
Certbot turns into an exception arrives there at once and ends all of them.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

from certbot_external_auth.processes import owned_pipes, rlimit_tag, table
from certbot_external_auth.processes.account import Account
from certbot_external_auth.processes.child import Child
from certbot_external_auth.processes.descendants import ProgramTree, adopt_orphans
from certbot_external_auth.processes.poller import Poller
from certbot_external_auth.processes.program import Ended, Program
from certbot_external_auth.processes.running import Running
from certbot_external_auth.signals import deferral, dispositions

_DESCRIPTORS_PER_PROGRAM = 4
"""Three pipes, and a descriptor of the process."""
_OTHER_DESCRIPTORS = 256
"""Descriptors that Certbot, pipes of processes in the background, and the start of a program may need."""
_MAX_PROGRAMS = 10_000

Key = TypeVar("Key")


def capacity() -> int:
    """Return how many programs can run at the same time with the descriptors that this process may open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        _MAX_PROGRAMS
        if limit == resource.RLIM_INFINITY
        else max(1, (limit - _OTHER_DESCRIPTORS) // _DESCRIPTORS_PER_PROGRAM)
    )


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    stdin: bytes | None = None,
    umask: int | None = None,
    folder: str | None = None,
    limit: float | None = None,
    account: Account | None = None,
) -> Ended:
    """Run one program, and return how it ended. See `Program` for the parameters, and `Together` for the rules."""
    with Together[None]() as together:
        together.start(None, Program(argv, environment, say, stdin, umask, folder, limit, account=account))
        ((_, ended),) = together.wait()
        return ended


class Together(Generic[Key]):
    """Programs that run at the same time; a context manager.

    A program has ended when its own process has, even if a child of it still holds the pipes.

    At its time limit, a program and all its descendants get SIGTERM, and SIGKILL after `GRACE_SECONDS`. The same
    happens to all programs when an exception leaves the context, such as Ctrl-C or a signal that Certbot turned into
    one; a second exception sends SIGKILL at once.
    """

    def __init__(self) -> None:
        dispositions.settle()
        adopt_orphans()
        self._poller = Poller()
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
        """Return the number of programs whose end `wait` has not returned yet."""
        return len(self._running) + len(self._ended)

    def start(self, key: Key, program: Program) -> None:
        """Start a program. `wait` returns its end with `key`, even if it could not be started."""
        since = table.current_ticks()
        # After an exception between the start of the program and its entry here, nothing would end the program.
        with self._signals.put_off():
            try:
                with dispositions.for_a_program(), rlimit_tag.tagging() as tag:
                    popen = _popen(program)
            except (OSError, ValueError) as error:
                self._ended.append((key, Ended(refused=getattr(error, "strerror", None) or str(error))))
                return
            running = Running(popen, program, self._poller, self._tree(popen, since, tag))
            self._running[popen.pid] = (key, running)
            running.begin()

    def _tree(self, popen: subprocess.Popen[bytes], since: int, tag: int | None) -> ProgramTree:
        pipes = [os.fstat(pipe.fileno()).st_ino for pipe in (popen.stdout, popen.stderr) if pipe is not None]
        return ProgramTree(popen.pid, since, tag, pipes, beside=lambda: self._running.keys() - {popen.pid})

    def wait(self) -> list[tuple[Key, Ended]]:
        """Serve the programs until at least one has ended.

        :returns: those that have ended, with their keys; empty only if no program runs.
        """
        while self._running and not self._ended:
            self._turn()
        ended, self._ended = self._ended, []
        return ended

    def _turn(self) -> None:
        """Wait until something happens to a program, and handle it."""
        self._poller.wait(min(running.seconds_to_wait() for _, running in self._running.values()))
        for pid, (key, running) in list(self._running.items()):
            if running.advance():
                # From now on its pid can belong to another process.
                del self._running[pid]
                self._ended.append((key, running.ended()))

    def _stop(self) -> None:
        for _, running in self._running.values():
            running.stop()
            # A callback that fails now would replace the exception that ends the programs.
            running.output.say = _drop
        while self._running:
            self._turn()


def _popen(program: Program) -> subprocess.Popen[bytes]:
    """Start a program cheaply: without a function to call in the child, and as the same user, Python uses vfork.

    Fork, which it uses for another user, takes longer the more memory this process has.
    """
    options: dict[str, Any] = {
        "bufsize": 0,
        "env": program.environment,
        "umask": -1 if program.umask is None else program.umask,
        "cwd": program.folder,
        "start_new_session": True,
        "close_fds": True,
    }
    argv, has_input, account = list(program.argv), program.stdin is not None, program.account
    if account is None:
        stdin = subprocess.PIPE if has_input else subprocess.DEVNULL
        stdout = subprocess.PIPE if program.stdout is None else program.stdout
        return subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, **options)
    options |= {"user": account.uid, "group": account.gid, "extra_groups": account.groups}
    with owned_pipes.belonging_to(account, has_input, program.stdout) as pipes:
        popen = subprocess.Popen(argv, stdin=pipes.stdin, stdout=pipes.stdout, stderr=pipes.stderr, **options)
        pipes.give_to(popen)
        return popen


_NOTE_EXIT_CODE = (
    'trap : HUP INT QUIT TERM; "$@"; code=$?; umask 077; '
    'echo "$code" >"$0" || { rm -f "${0%/*}/room"; echo "$code" >"$0"; }'
)
"""Writes the exit code to a file, since this process may end first. A signal to the process group ends the program but
not the shell.

On a full disk it first deletes the file that `files/spare_room.py` keeps for that.
"""


def detached(
    argv: Sequence[str], *, environment: Mapping[str, str], output: str, code: str, inherited: Sequence[int]
) -> tuple[int, Callable[[], bool]]:
    """Start a program that outlives this process, below a shell in a session of its own.

    :param output: path of a file that is created with mode 0600 for its output.
    :param code: path of a file that the shell writes the exit code to, before it ends itself.
    :param inherited: descriptors that stay open in the program.
    :returns: the pid of the shell, and a function that tells whether the shell has ended.
    :raises OSError: if it cannot be started, or `output` exists.
    """
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with dispositions.for_a_program():
            popen = subprocess.Popen(
                ["/bin/sh", "-c", _NOTE_EXIT_CODE, code, *argv],
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


def _drop(line: str) -> None:
    pass
