"""One program that runs: its pipes, its time limit, and its end."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import math
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from typing import IO

from certbot_external_auth import text
from certbot_external_auth.processes.child import Child
from certbot_external_auth.processes.descendants import ProgramTree
from certbot_external_auth.processes.output import Output
from certbot_external_auth.processes.poller import READ, WRITE, Poller
from certbot_external_auth.processes.program import GRACE_SECONDS, Ended, Program
from certbot_external_auth.processes.table import Process
from certbot_external_auth.signals import deferral

logger = logging.getLogger(__name__)

_MAX_KILL_SECONDS = 0.5
"""How long SIGKILL is repeated: a process may belong to another user, or wait in the kernel."""
_LAST_OUTPUT_SECONDS = 0.2
"""How long output is read after a program has ended: the `tee` of a shell's `> >(tee log)` ends a little later."""
_CHUNK_BYTES = 65536
_MAX_LAST_READS = 16
_GROUP_POLL_SECONDS = 0.01
"""Interval of checks whether a process group that got SIGTERM has ended. The system does not report that."""
_SLOW_POLL_SECONDS = 0.05
"""Interval of checks for the end of a program without a descriptor of its process, and of processes outside its group:
these checks cost more."""
_MAX_LINGERING = 64
_lingering: deque[IO[bytes]] = deque()
"""Pipes that processes in the background still write to. Closing one would end its writer with SIGPIPE."""


@atexit.register
def _close_lingering() -> None:
    while _lingering:
        _lingering.popleft().close()


class Running:
    """A program that has been started, until it has ended.

    :ivar output: turns the bytes that it prints into lines.
    """

    def __init__(self, popen: subprocess.Popen[bytes], program: Program, poller: Poller, tree: ProgramTree) -> None:
        self.output = Output(program.say, program.masks, program.hear)
        self._popen = popen
        self._child = Child(popen)
        self._name = program.argv[0]
        self._limit = program.limit
        self._deadline = math.inf if program.limit is None else time.monotonic() + program.limit
        self._document = memoryview(program.stdin or b"")
        self._stopping = False
        self._timed_out = False
        self._interval = _GROUP_POLL_SECONDS
        self._left: Sequence[Process] = ()
        self._poller = poller
        self._tree = tree
        self._pidfd: int | None = None

    def begin(self) -> None:
        """Add the pipes to the poller and, if the system has one, the descriptor that becomes ready at the end."""
        for pipe in self._outputs():
            os.set_blocking(pipe.fileno(), False)
            self._poller.add(pipe.fileno(), READ, functools.partial(self._read, pipe))
        stdin = self._popen.stdin
        if stdin is not None:
            os.set_blocking(stdin.fileno(), False)
            # Most documents fit into the pipe at once.
            if not self._write(stdin):
                self._poller.add(stdin.fileno(), WRITE, functools.partial(self._write, stdin))
        with contextlib.suppress(AttributeError, OSError):
            self._pidfd = os.pidfd_open(self._popen.pid)
            self._poller.add(self._pidfd, READ, self._on_end)

    # --- time ---

    def seconds_to_wait(self) -> float:
        """Return the seconds after which `advance` is to be called even if nothing happens."""
        interval = self._interval if self._stopping else _SLOW_POLL_SECONDS if self._pidfd is None else math.inf
        return min(interval, max(0.0, self._deadline - time.monotonic()))

    def advance(self) -> bool:
        """Stop or kill the program if its deadline has passed, and tell whether it has ended."""
        if self._stopping:
            return self._advance_stopping()
        if self._pidfd is None and not self._child.ended and self._child.poll():
            self._limit_last_output()
        late = time.monotonic() >= self._deadline
        if self._child.ended:
            return late or not self._outputs()
        if late:
            self._timed_out = True
            self.stop()
        return False

    def _advance_stopping(self) -> bool:
        if time.monotonic() >= self._deadline:
            self._kill()
            return True
        if not self._child.poll() or self._tree.group_alive():
            return False
        self._interval = _SLOW_POLL_SECONDS
        return self._tree.none_runs()

    def _on_end(self) -> None:
        self._child.poll()
        if self._pidfd is not None:
            self._poller.drop(self._pidfd)
        self._limit_last_output()

    def _limit_last_output(self) -> None:
        if not self._stopping:
            self._deadline = time.monotonic() + _LAST_OUTPUT_SECONDS

    def stop(self) -> None:
        """Ask the program and its descendants to end; `advance` kills them after the grace period."""
        self._stopping = True
        self._deadline = time.monotonic() + GRACE_SECONDS
        # A process stopped with SIGSTOP handles SIGTERM only after SIGCONT.
        for number in (signal.SIGTERM, signal.SIGCONT):
            self._send(number)

    def abandon(self) -> None:
        """Kill the program and its descendants, and close its pipes."""
        self._kill()
        self._close(linger=False)

    def _send(self, number: int) -> list[Process]:
        return self._tree.send_signal(number, leader_ended=self._child.ended)

    def _kill(self) -> None:
        deadline = time.monotonic() + _MAX_KILL_SECONDS
        with deferral.put_off():
            # Repeated, since a process can start another one just before SIGKILL ends it.
            while True:
                self._left = self._send(signal.SIGKILL)
                ended = self._child.poll() and not self._tree.group_alive()
                if (ended and not self._left and self._tree.none_runs()) or time.monotonic() >= deadline:
                    return
                time.sleep(0.002)

    # --- bytes ---

    def _read(self, pipe: IO[bytes]) -> bool:
        """Read once, and tell whether the pipe may hold more."""
        try:
            data = os.read(pipe.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._shut(pipe)
            return False
        self.output.feed(pipe.fileno(), data, pipe is self._popen.stdout)
        return True

    def _write(self, pipe: IO[bytes]) -> bool:
        """Write once, and tell whether all is written."""
        try:
            self._document = self._document[os.write(pipe.fileno(), self._document) :]
        except BlockingIOError:
            return False
        except OSError:
            # The program has closed its standard input.
            self._document = self._document[:0]
        if not self._document:
            self._shut(pipe)
        return not self._document

    def ended(self) -> Ended:
        """Return how the program ended. MUST be called once, after `advance` has returned true."""
        try:
            self._read_rest()
            if not self._stopping:
                self._report_background()
            self.output.flush()
        finally:
            self._close(linger=not self._stopping)
        code = self._child.code
        return Ended(
            code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            timed_out=self._timed_out,
            left=tuple(map(str, self._left)),
            limit=self._limit,
            tail=self.output.tail,
            stdout=text.clean(self.output.stdout.decode("utf-8", "replace")),
        )

    def _outputs(self) -> list[IO[bytes]]:
        pipes = (self._popen.stdout, self._popen.stderr)
        return [pipe for pipe in pipes if pipe is not None and not pipe.closed]

    def _read_rest(self) -> None:
        for pipe in self._outputs():
            # A limited number of times, since a child in the background may write without end.
            for _ in range(_MAX_LAST_READS):
                if not self._read(pipe):
                    break

    def _report_background(self) -> None:
        """Log the processes that the program left running. They are not ended: handlers start servers on purpose."""
        if not self._outputs() and not self._tree.may_have_left_something():
            return
        processes = self._tree.running(leader_ended=True)
        writers = self._tree.with_open_pipes(processes)
        if self._outputs():
            log = logger.warning if text.first_time(("left running", self._name)) else logger.info
            log(
                "%s has exited, but a process it started still runs and holds its output pipe open: %s. The pipe is no "
                "longer read, so that process will block after another 64 KiB, or be killed when it writes after "
                "Certbot exits. If it should keep running, redirect its output (>/dev/null 2>&1); otherwise stop it.",
                self._name,
                _names(writers) or "a process that cannot be seen from here",
            )
        elif processes:
            logger.info("%s has exited; a process it started still runs: %s.", self._name, _names(processes))

    def _close(self, linger: bool) -> None:
        """Close all descriptors.

        :param linger: keep output pipes open that processes in the background still write to.
        """
        if self._popen.stdin is not None and not self._popen.stdin.closed:
            self._shut(self._popen.stdin)
        for pipe in self._outputs():
            if linger:
                self._poller.drop(pipe.fileno())
                _lingering.append(pipe)
            else:
                self._shut(pipe)
        if self._pidfd is not None:
            self._poller.drop(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        while len(_lingering) > _MAX_LINGERING:
            _lingering.popleft().close()

    def _shut(self, pipe: IO[bytes]) -> None:
        self._poller.drop(pipe.fileno())
        with contextlib.suppress(OSError):
            pipe.close()


def _names(processes: Sequence[Process]) -> str:
    return ", ".join(map(str, processes))
