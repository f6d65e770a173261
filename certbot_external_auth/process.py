"""The one place where programs are started: by argument list, in a session of their own, with a time limit.

Any number of them runs at a time, in one loop in the caller's thread: a signal that Certbot turns into an exception
arrives there at once, and ends all of them together.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import resource
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any, Generic, TypeVar

from certbot_external_auth import text
from certbot_external_auth.output import Output
from certbot_external_auth.program import Ended, Program

logger = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_CHUNK = 65536
_LAST_READS = 16
_LOOK_AGAIN = 0.01
"""Seconds between two looks at whether the rest of a group that was told to end is gone; nothing tells that."""
_LOOK_FOR_END = 0.05
"""The same for the end of a program, where the system has no descriptor that tells it."""
_LINGERING_LIMIT = 64
_DESCRIPTORS = 4
"""Of one program: three pipes, and one that tells its end."""
_OTHERS = 256
"""Descriptors that Certbot, what lingers, and the start of a program may need."""
_MANY = 10_000
_lingering: deque[IO[bytes]] = deque()

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
    whole process group gets SIGTERM and, five seconds later or at the next exception, SIGKILL.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, tuple[Key, _Running]] = {}
        self._ended: list[tuple[Key, Ended]] = []

    def __enter__(self) -> Together[Key]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._running:
                self._stop()
        finally:
            for _, running in self._running.values():
                running.abandon()
            self._running.clear()
            self._selector.close()

    def __len__(self) -> int:
        """Programs started whose end `wait` has not told."""
        return len(self._running) + len(self._ended)

    def start(self, key: Key, program: Program) -> None:
        """Start a program; whatever becomes of it is told by `wait`, with its `key`."""
        try:
            popen = _popen(program)
        except (OSError, ValueError) as error:
            self._ended.append((key, Ended(refused=getattr(error, "strerror", None) or str(error))))
            return
        running = self._running[popen.pid] = (key, _Running(popen, program, self._selector))
        running[1].register()

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
        patience = min(running.patience() for _, running in self._running.values())
        for event, _ in self._selector.select(None if patience == math.inf else patience):
            event.data(event)
        for pid, (key, running) in list(self._running.items()):
            if running.see_to():
                self._ended.append((key, running.ended()))
                del self._running[pid]

    def _stop(self) -> None:
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


def detached(
    argv: Sequence[str], *, environment: Mapping[str, str], output: str, inherited: Sequence[int]
) -> Callable[[], bool]:
    """Start a program that goes on when this process has ended, in a session of its own; tells whether it has ended.

    :param output: a new file for all it prints, 0600.
    :param inherited: descriptors that it keeps.
    :raises OSError: if it cannot be started.
    """
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        popen = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env=dict(environment),
            start_new_session=True,
            pass_fds=tuple(inherited),
        )
    finally:
        os.close(descriptor)
    return lambda: popen.poll() is not None


def _nobody(line: str) -> None:
    pass


class _Running:
    """One program while it runs: its pipes, its time limit, and its end."""

    def __init__(self, popen: subprocess.Popen[bytes], program: Program, selector: selectors.BaseSelector) -> None:
        self.output = Output(program.say)
        self._popen = popen
        self._limit = program.limit
        self._deadline = math.inf if program.limit is None else time.monotonic() + program.limit
        self._document = memoryview(program.stdin or b"")
        self._stopping = False
        self._timed_out = False
        self._selector = selector
        self._end: int | None = None

    def register(self) -> None:
        """Have the selector watch the pipes and, where the system can tell it, the end."""
        for pipe, events, seen_to in (
            (self._popen.stdout, selectors.EVENT_READ, self._read),
            (self._popen.stderr, selectors.EVENT_READ, self._read),
            (self._popen.stdin, selectors.EVENT_WRITE, self._write),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, events, seen_to)
        with contextlib.suppress(AttributeError, OSError):
            self._end = os.pidfd_open(self._popen.pid)
            self._selector.register(self._end, selectors.EVENT_READ, self._see_end)

    # --- time ---

    def patience(self) -> float:
        """Seconds after which `see_to` is due even if nothing happens."""
        often = _LOOK_AGAIN if self._stopping else _LOOK_FOR_END if self._end is None else math.inf
        return min(often, max(0.0, self._deadline - time.monotonic()))

    def see_to(self) -> bool:
        """Whether it has ended; at a deadline it is told to, or ended."""
        if self._stopping or self._end is None:
            self._popen.poll()
        late = time.monotonic() >= self._deadline
        if self._stopping:
            if late:
                self._kill()
            return late or not self._group_alive()
        if late and self._popen.returncode is None:
            self._timed_out = True
            self.stop()
        return self._popen.returncode is not None and not self._stopping

    def stop(self) -> None:
        """Tell the group to end, and give it the grace period."""
        self._stopping = True
        self._deadline = time.monotonic() + GRACE
        _signal_group(self._popen.pid, signal.SIGTERM)

    def abandon(self) -> None:
        """End the group now."""
        self._kill()
        self._close(linger=False)

    def _kill(self) -> None:
        _signal_group(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def _group_alive(self) -> bool:
        try:
            os.killpg(self._popen.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _see_end(self, event: selectors.SelectorKey) -> None:
        self._popen.poll()
        self._selector.unregister(event.fileobj)

    # --- bytes ---

    def _read(self, event: selectors.SelectorKey) -> bool:
        try:
            data = os.read(event.fd, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._shut(event.fileobj)
            return False
        self.output.feed(event.fd, data, event.fileobj is self._popen.stdout)
        return True

    def _write(self, event: selectors.SelectorKey) -> None:
        try:
            self._document = self._document[os.write(event.fd, self._document) :]
        except BlockingIOError:
            return
        except OSError:
            # Nobody reads it.
            self._document = self._document[:0]
        if not self._document:
            self._shut(event.fileobj)

    def ended(self) -> Ended:
        """How it ended, once it has."""
        self._read_rest()
        self._close(linger=not self._stopping)
        self.output.flush()
        code = self._popen.returncode
        return Ended(
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            timed_out=self._timed_out,
            limit=self._limit,
            tail=tuple(self.output.tail),
            stdout=text.clean(self.output.stdout.decode("utf-8", "replace")),
        )

    def _pipes(self) -> list[IO[bytes]]:
        pipes = (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        return [pipe for pipe in pipes if pipe is not None and not pipe.closed]

    def _read_rest(self) -> None:
        for pipe in self._pipes():
            if pipe is not self._popen.stdin:
                event = self._selector.get_key(pipe)
                # Bounded, since a child in the background may write for ever.
                for _ in range(_LAST_READS):
                    if not self._read(event):
                        break

    def _close(self, linger: bool) -> None:
        """Close everything; a pipe that a child in the background still writes to stays open, so SIGPIPE does not end
        it."""
        for pipe in self._pipes():
            if linger and pipe is not self._popen.stdin:
                logger.info("A child of process %d goes on in the background and holds its output.", self._popen.pid)
                self._unregister(pipe)
                _lingering.append(pipe)
            else:
                self._shut(pipe)
        if self._end is not None:
            self._unregister(self._end)
            os.close(self._end)
            self._end = None
        while len(_lingering) > _LINGERING_LIMIT:
            _lingering.popleft().close()

    def _shut(self, pipe: Any) -> None:
        self._unregister(pipe)
        with contextlib.suppress(OSError):
            pipe.close()

    def _unregister(self, file: Any) -> None:
        # What an exception came between was not registered yet, or is not any more.
        with contextlib.suppress(KeyError):
            self._selector.unregister(file)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        if number == signal.SIGTERM:
            # A stopped process sees no SIGTERM until it goes on.
            os.killpg(group, signal.SIGCONT)
