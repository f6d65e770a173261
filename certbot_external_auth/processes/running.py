"""One program while it runs: its pipes, its time limit, and its end."""

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
from certbot_external_auth.processes.descendants import Family, Member
from certbot_external_auth.processes.output import Output
from certbot_external_auth.processes.poller import READ, WRITE, Watch
from certbot_external_auth.processes.program import Ended, Program
from certbot_external_auth.signals import deferral

logger = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
KILLED_WITHIN = 0.5
"""Seconds after which what SIGKILL has not ended is given up."""
AFTERWARDS = 0.2
"""Seconds for which output is still read when a program has ended; a shell's `> >(tee log)` ends a little later."""
_CHUNK = 65536
_LAST_READS = 16
_LOOK_AGAIN = 0.01
"""Seconds between two looks at whether the rest of a group that was told to end is gone; nothing tells that."""
_LOOK_FOR_END = 0.05
"""The same for the end of a program, where the system has no descriptor that tells it, and for what left its group."""
_LINGERING_LIMIT = 64
_lingering: deque[IO[bytes]] = deque()
_warned: set[str] = set()


@atexit.register
def _let_go() -> None:
    """Whoever still writes there learns of this process's end now; until then it was not to be disturbed."""
    while _lingering:
        _lingering.popleft().close()


class Running:
    """See the module."""

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        program: Program,
        watch: Watch,
        relatives: Family,
    ) -> None:
        self.output = Output(program.say, program.masks, program.hear)
        self._popen = popen
        self._child = Child(popen)
        self._name = program.argv[0]
        self._limit = program.limit
        self._deadline = math.inf if program.limit is None else time.monotonic() + program.limit
        self._document = memoryview(program.stdin or b"")
        self._stopping = False
        self._timed_out = False
        self._often = _LOOK_AGAIN
        self._left: Sequence[Member] = ()
        self._watch = watch
        self.family = relatives
        self._end: int | None = None

    def begin(self) -> None:
        """Have the pipes and, where the system can tell it, the end watched."""
        for pipe in self._outputs():
            os.set_blocking(pipe.fileno(), False)
            self._watch.add(pipe.fileno(), READ, functools.partial(self._read, pipe))
        if self._popen.stdin is not None:
            os.set_blocking(self._popen.stdin.fileno(), False)
            # Most documents fit into the pipe at once.
            if not self._write():
                self._watch.add(self._popen.stdin.fileno(), WRITE, self._write)
        with contextlib.suppress(AttributeError, OSError):
            self._end = os.pidfd_open(self._popen.pid)
            self._watch.add(self._end, READ, self._see_end)

    # --- time ---

    def patience(self) -> float:
        """Seconds after which `see_to` is due even if nothing happens."""
        often = self._often if self._stopping else _LOOK_FOR_END if self._end is None else math.inf
        return min(often, max(0.0, self._deadline - time.monotonic()))

    def see_to(self) -> bool:
        """Whether it has ended; at a deadline it is told to, or ended."""
        if self._stopping:
            return self._see_to_stopping()
        if self._end is None and not self._child.ended and self._child.poll():
            self._give_output_time()
        late = time.monotonic() >= self._deadline
        if self._child.ended:
            return late or not self._outputs()
        if late:
            self._timed_out = True
            self.stop()
        return False

    def _see_to_stopping(self) -> bool:
        if time.monotonic() >= self._deadline:
            self._kill()
            return True
        if not self._child.poll() or self.family.group_alive():
            return False
        self._often = _LOOK_FOR_END
        return self.family.none_runs()

    def _see_end(self) -> None:
        self._child.poll()
        if self._end is not None:
            self._watch.drop(self._end)
        self._give_output_time()

    def _give_output_time(self) -> None:
        if not self._stopping:
            self._deadline = time.monotonic() + AFTERWARDS

    def stop(self) -> None:
        """Tell it, and what it has started, to end, and give them the grace period."""
        self._stopping = True
        self._deadline = time.monotonic() + GRACE
        # A stopped process sees no SIGTERM until it goes on.
        for number in (signal.SIGTERM, signal.SIGCONT):
            self._send(number)

    def abandon(self) -> None:
        """End all of it now."""
        self._kill()
        self._close(linger=False)

    def _send(self, number: int) -> list[Member]:
        return self.family.send(number, leader_ended=self._child.ended)

    def _kill(self) -> None:
        """Again and again, since what is about to be ended may still start something; but not for ever, since a
        process may be another user's, or wait in the kernel."""
        deadline = time.monotonic() + KILLED_WITHIN
        with deferral.put_off():
            while True:
                self._left = self._send(signal.SIGKILL)
                ended = self._child.poll() and not self.family.group_alive()
                if (ended and not self._left and self.family.none_runs()) or time.monotonic() >= deadline:
                    return
                time.sleep(0.002)

    # --- bytes ---

    def _read(self, pipe: IO[bytes]) -> bool:
        """Whether there may be more."""
        try:
            data = os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._shut(pipe)
            return False
        self.output.feed(pipe.fileno(), data, pipe is self._popen.stdout)
        return True

    def _write(self) -> bool:
        """Whether nothing is left to write."""
        pipe = self._popen.stdin
        assert pipe is not None
        try:
            self._document = self._document[os.write(pipe.fileno(), self._document) :]
        except BlockingIOError:
            return False
        except OSError:
            # Nobody reads it.
            self._document = self._document[:0]
        if not self._document:
            self._shut(pipe)
        return not self._document

    def ended(self) -> Ended:
        """How it ended, once it has."""
        try:
            self._read_rest()
            if not self._stopping:
                self._tell_background()
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
            # Bounded, since a child in the background may write for ever.
            for _ in range(_LAST_READS):
                if not self._read(pipe):
                    break

    def _tell_background(self) -> None:
        """Say what goes on, if something does; it is not ended, since handlers start servers on purpose."""
        if not self._outputs() and not self.family.may_go_on():
            return
        members = self.family.running(leader_ended=True)
        holding = self.family.holding(members)
        if self._outputs():
            level = logging.INFO if self._name in _warned else logging.WARNING
            _warned.add(self._name)
            logger.log(
                level,
                "%s has ended, but what it started goes on and keeps its output open: %s. Nobody reads that any more: "
                "it will stop when it has printed another 64 KiB, or anything once Certbot has ended. If it is meant "
                "to go on, start it with its output elsewhere (>/dev/null 2>&1); else end it.",
                self._name,
                ", ".join(map(str, holding)) or "a process that cannot be seen from here",
            )
        elif members:
            logger.info("%s has ended; what it started goes on: %s.", self._name, ", ".join(map(str, members)))

    def _close(self, linger: bool) -> None:
        """Close everything; a pipe that a child in the background still writes to stays open, so SIGPIPE does not end
        it."""
        if self._popen.stdin is not None and not self._popen.stdin.closed:
            self._shut(self._popen.stdin)
        for pipe in self._outputs():
            if linger:
                self._watch.drop(pipe.fileno())
                _lingering.append(pipe)
            else:
                self._shut(pipe)
        if self._end is not None:
            self._watch.drop(self._end)
            os.close(self._end)
            self._end = None
        while len(_lingering) > _LINGERING_LIMIT:
            _lingering.popleft().close()

    def _shut(self, pipe: IO[bytes]) -> None:
        self._watch.drop(pipe.fileno())
        with contextlib.suppress(OSError):
            pipe.close()
