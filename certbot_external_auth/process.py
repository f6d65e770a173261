"""The one place where programs are started: by argument list, in a session of their own, with a time limit."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from certbot_external_auth import text

logger = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
LINE_LIMIT = 2000
"""Characters of one output line that are passed on; the rest of the line is dropped."""
TOTAL_LIMIT = 1_000_000
"""Bytes of output of one call that reach the log; what comes after is read and dropped."""
TAIL_LINES = 10
_CHUNK = 65536
_LAST_READS = 16
_LINGERING_LIMIT = 64
_lingering: deque[IO[bytes]] = deque()


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    :ivar code: exit code, or None if a signal ended it.
    :ivar signal: number of the signal, or None.
    :ivar timed_out: it was ended at the time limit.
    :ivar refused: why it could not be started, or an empty string.
    :ivar tail: its last output lines, clean.
    :ivar stdout: the beginning of its standard output, clean.
    """

    code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    refused: str = ""
    limit: float | None = None
    tail: tuple[str, ...] = ()
    stdout: str = ""

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out

    def __str__(self) -> str:
        if self.refused:
            return f"it could not be started: {self.refused}"
        if self.timed_out:
            return f"it had not ended after {self.limit:g} seconds and was stopped"
        if self.signal is not None:
            return f"it was ended by {_signal_name(self.signal)}"
        return f"exit code {self.code}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


@dataclass
class _Output:
    """Turns the bytes of both pipes into bounded, clean lines."""

    say: Callable[[str], None]
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    stdout: bytearray = field(default_factory=bytearray)
    partial: dict[int, bytearray] = field(default_factory=dict)
    total: int = 0

    def feed(self, key: int, data: bytes, standard: bool) -> None:
        if standard and len(self.stdout) < text.LIMIT:
            self.stdout += data[: text.LIMIT - len(self.stdout)]
        buffer = self.partial.setdefault(key, bytearray())
        *lines, rest = data.split(b"\n")
        for line in lines:
            buffer += line[:LINE_LIMIT]
            self._line(bytes(buffer[:LINE_LIMIT]))
            buffer.clear()
        buffer += rest[: max(0, LINE_LIMIT - len(buffer))]

    def flush(self) -> None:
        for buffer in self.partial.values():
            if buffer:
                self._line(bytes(buffer))
                buffer.clear()

    def _line(self, data: bytes) -> None:
        # A carriage return redraws the line on a terminal: what comes last is what a person would have seen.
        shown = text.clean(data.decode("utf-8", "replace").rstrip("\r").rsplit("\r", 1)[-1], LINE_LIMIT).rstrip()
        if shown:
            self.tail.append(shown)
        if self.total <= TOTAL_LIMIT:
            self.total += len(data) + 1
            self.say(shown if self.total <= TOTAL_LIMIT else "(more output follows and is not logged)")


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
    """Run a program to its end and pass on its output line by line.

    The call returns when the program itself ends, even if a child of it still holds the pipes. At the time limit,
    and whenever an exception (a signal that Certbot turned into one, Ctrl-C) leaves this function, the whole
    process group gets SIGTERM and, five seconds later, SIGKILL.

    :param argv: the program's absolute path and its arguments.
    :param say: called with each line of output.
    :param stdin: what the program reads; None is `/dev/null`.
    :param umask: file mode mask of the program; None is the caller's.
    :param folder: its working directory; None is the caller's.
    :param limit: seconds; None is no limit.
    """
    output = _Output(say)
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            umask=-1 if umask is None else umask,
            cwd=folder,
            start_new_session=True,
            close_fds=True,
        )
    except (OSError, ValueError) as error:
        return Ended(refused=getattr(error, "strerror", None) or str(error))
    timed_out = False
    try:
        timed_out = not _converse(process, stdin or b"", output, limit)
        if timed_out:
            _stop_group(process)
    except BaseException:
        _stop_group(process)
        _close(process, linger=False)
        raise
    _close(process, linger=not timed_out)
    output.flush()
    code = process.returncode
    return Ended(
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        timed_out=timed_out,
        limit=limit,
        tail=tuple(output.tail),
        stdout=text.clean(output.stdout.decode("utf-8", "replace")),
    )


def _converse(process: subprocess.Popen[bytes], document: bytes, output: _Output, limit: float | None) -> bool:
    """Move bytes until the process ends; False if the time limit came first."""
    deadline = None if limit is None else time.monotonic() + limit
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, "read")
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE, "write")
        end = _watch_end(process.pid, stack)
        if end is not None:
            selector.register(end, selectors.EVENT_READ, "end")
        view = memoryview(document)
        while process.poll() is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            # Without a descriptor that tells the end, look every 50 ms.
            wait = left if end is not None else min(0.05, left or 0.05)
            for key, _ in selector.select(wait):
                if key.data == "read":
                    _read(selector, key, process, output)
                elif key.data == "write":
                    view = _write(selector, key, view)
        for key in [key for key in selector.get_map().values() if key.data == "read"]:
            # Bounded, since a child in the background may write for ever.
            for _ in range(_LAST_READS):
                if not _read(selector, key, process, output):
                    break
    return True


def _watch_end(pid: int, stack: contextlib.ExitStack) -> int | None:
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def _read(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, process: subprocess.Popen[bytes], output: _Output
) -> bool:
    try:
        data = os.read(key.fd, _CHUNK)
    except BlockingIOError:
        return False
    except OSError:
        data = b""
    if not data:
        selector.unregister(key.fileobj)
        _shut(key.fileobj)
        return False
    output.feed(key.fd, data, key.fileobj is process.stdout)
    return True


def _write(selector: selectors.BaseSelector, key: selectors.SelectorKey, view: memoryview) -> memoryview:
    file = key.fileobj
    assert not isinstance(file, int)
    with contextlib.suppress(BlockingIOError):
        try:
            view = view[os.write(key.fd, view) :]
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise
            view = view[len(view) :]
    if not view:
        selector.unregister(file)
        _shut(file)
    return view


def _shut(file: object) -> None:
    with contextlib.suppress(OSError, ValueError):
        file.close()  # type: ignore[attr-defined]


def _close(process: subprocess.Popen[bytes], linger: bool) -> None:
    """Close the pipes; one that a child in the background still writes to stays open, so SIGPIPE does not end it."""
    if process.stdin is not None:
        _shut(process.stdin)
    for pipe in (process.stdout, process.stderr):
        if pipe is None or pipe.closed:
            continue
        if not linger:
            _shut(pipe)
            continue
        logger.info("A child of process %d goes on in the background and holds its output.", process.pid)
        _lingering.append(pipe)
        while len(_lingering) > _LINGERING_LIMIT:
            _shut(_lingering.popleft())


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the group, SIGKILL after the grace period or at the next exception (a second Ctrl-C)."""
    try:
        _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while _group_alive(process) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _group_alive(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        if number == signal.SIGTERM:
            # A stopped process sees no SIGTERM until it goes on.
            os.killpg(group, signal.SIGCONT)
