"""The channel of lines on stdout and stdin, opened once per process.

From then on, Certbot, its hooks and every child have stderr as descriptor 1 and /dev/null as descriptor 0. Only this
module holds the pipes to the driver, so nothing else is printed between the lines.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import sys
import time
from collections.abc import Iterator

from certbot_external_auth.errors import DriverError
from certbot_external_auth.files.standard_descriptors import STANDARD, is_open, text_on
from certbot_external_auth.protocol.answers import MAX_LINE_BYTES
from certbot_external_auth.signals import deferral

_WRITE_BYTES = 4096
"""What a pipe takes without blocking once poll() calls it writable (PIPE_BUF of POSIX, with Linux's value)."""
MAX_AHEAD_BYTES = 4 * 1024 * 1024
"""Answers that are read ahead while the driver does not read its lines."""


def _duplicate(descriptor: int) -> int:
    """Copy a descriptor to a number above 2 that no child inherits."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _standard(descriptor: int) -> bool:
    """Tell whether this process was started with a standard descriptor.

    A number that was free at the start can belong to a file of Certbot's by now, such as its log.
    """
    at_start = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return at_start[descriptor] is not None and is_open(descriptor)


def _nowhere(flags: int) -> int:
    """Open a replacement for a standard descriptor that is missing.

    :param flags: with O_RDONLY, writing to it fails.
    """
    descriptor = os.open(os.devnull, flags)
    try:
        return _duplicate(descriptor)
    finally:
        os.close(descriptor)


class Channel:
    """Lines of bytes to the driver and back. All deadlines are times on the monotonic clock.

    :ivar session: whether the channel belongs to a session of `begin`, to which programs connect for a while.
    :ivar deadline: seconds that a session has for a batch; None means those of the settings.
    :ivar run: id of the run, which the stream's lines carry.
    :ivar ended: whether the input has ended.
    """

    session = False
    deadline: float | None = None
    run = ""

    def __init__(self, read: int | None, write: int) -> None:
        """:param read: descriptor, None if there is no input. :param write: descriptor."""
        self._read = read
        self._write = write
        self._buffer = bytearray()
        self._skipping = False
        self.ended = read is None

    @classmethod
    def standard(cls) -> Channel:
        """Take over stdout and stdin of this process."""
        if sys.stdout is not None:
            sys.stdout.flush()
        free = [number for number in STANDARD if not is_open(number)]
        write = _duplicate(1) if _standard(1) else _nowhere(os.O_RDONLY)
        read = _duplicate(0) if _standard(0) else None
        low = os.open(os.devnull, os.O_RDWR)
        null = _duplicate(low)
        # A number that was free at the start and is in use now belongs to Certbot; leave it.
        if _standard(0) or 0 in free:
            os.dup2(null, 0)
        if 2 in free:
            os.dup2(null, 2)
        if _standard(1) or 1 in free:
            os.dup2(2 if _standard(2) else null, 1)
        os.close(null)
        if low not in STANDARD:
            os.close(low)
        if sys.stdout is None:
            # Certbot's display writes to it.
            sys.stdout = sys.stderr or text_on(_nowhere(os.O_WRONLY))
        return cls(read, write)

    @property
    def terminal(self) -> bool:
        """Whether the input is a terminal."""
        return self._read is not None and os.isatty(self._read)

    def at_end(self) -> bool:
        """Tell whether the input has ended and has no more lines. What this reads ahead stays for `receive`."""
        while not self.ended and len(self._buffer) < MAX_LINE_BYTES and self._ready(0.0):
            self._fill()
        return self.ended and not self._buffer

    @property
    def unattended(self) -> bool:
        """Whether no program can answer: nothing is connected to the input, or a person's keyboard."""
        return self.terminal or self.at_end()

    @contextlib.contextmanager
    def while_connected(self) -> Iterator[None]:
        """Within this context, `ended` of a session means that no program is connected."""
        yield

    def send(self, data: bytes, deadline: float) -> None:
        """Send data.

        :raises DriverError: if the driver has closed its end, or has not read everything by the deadline.
        """
        view = memoryview(data)
        while view:
            self._wait_for_room(deadline)
            try:
                view = view[os.write(self._write, view[:_WRITE_BYTES]) :]
            except OSError as error:
                raise DriverError(
                    f"The program that started Certbot has closed its end of stdout ({error.strerror})."
                ) from None

    def _wait_for_room(self, deadline: float) -> None:
        """Wait until something can be written, and read answers meanwhile.

        A driver that is busy writing answers may read only after that.

        :raises DriverError: if the driver reads nothing until the deadline.
        """
        while True:
            poll = select.poll()
            poll.register(self._write, select.POLLOUT)
            if self._read is not None and not self.ended and len(self._buffer) < MAX_AHEAD_BYTES:
                poll.register(self._read, select.POLLIN)
            deferral.raise_pending()
            ready = [descriptor for descriptor, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000)]
            if self._write in ready:
                return
            if not ready:
                raise DriverError("The program that started Certbot no longer reads its lines.")
            self._fill()

    def finish(self) -> None:
        """End the channel. The descriptors stay open, so that no other file gets their numbers."""

    def receive(self, deadline: float) -> bytes | None:
        """Return the next line without its newline, or None at the deadline or the end of input (see `ended`).

        A line that is too long is cut to `MAX_LINE_BYTES` and one byte; the rest of it is dropped.
        """
        while True:
            line = self._take()
            if line is not None:
                return line
            if self.ended or not self._ready(deadline - time.monotonic()):
                return None
            self._fill()

    def _take(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                line = b"" if self._skipping else bytes(self._buffer[: MAX_LINE_BYTES + 1])
                self._buffer.clear()
                skipped, self._skipping = self._skipping, True
                return None if skipped else line
            if self.ended and self._buffer and not self._skipping:
                line = bytes(self._buffer)
                self._buffer.clear()
                return line
            return None
        line = bytes(self._buffer[: min(end, MAX_LINE_BYTES + 1)])
        del self._buffer[: end + 1]
        if self._skipping:
            self._skipping = False
            return self._take()
        return line

    def _ready(self, seconds: float) -> bool:
        if self._read is None:
            return False
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        deferral.raise_pending()
        return bool(poll.poll(max(0.0, seconds) * 1000))

    def _fill(self) -> None:
        assert self._read is not None
        try:
            data = os.read(self._read, 65536)
        except OSError:
            data = b""
        if data:
            self._buffer += data
        else:
            self.ended = True
