"""The line channel on a Unix socket: one program at a time at the other end, and programs may come and go.

A program that comes gets every line said so far, then what is said while it is there. stdout and stdin stay Certbot's.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import logging
import os
import select
import socket
import stat
import struct
import time
from collections.abc import Iterator

from certbot_external_auth.errors import UsageError
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.answers import MAX_LINE_BYTES
from certbot_external_auth.protocol.channel import MAX_AHEAD_BYTES, Channel
from certbot_external_auth.protocol.session_record import Record
from certbot_external_auth.signals import deferral
from certbot_external_auth.text import rfc3339

logger = logging.getLogger(__name__)

FLAG = "--external-auth-socket"
MAX_PATH_BYTES = 107
"""Bytes of a socket's path: sun_path of unix(7) has 108, the last of which is NUL."""
MAX_READING_SECONDS = 10.0
"""Seconds that who comes late has to read what was said so far, and who is there at the end to read the last lines."""
MAX_TRIAL_SECONDS = 5.0
"""Seconds for the question whether anybody listens on a socket that is there."""
_CREDENTIALS = struct.Struct("3i")


class SocketChannel(Channel):
    """Bytes in lines, as `Channel`.

    :ivar path: where it listens.
    """

    def __init__(self, path: str, record: str | None = None, deadline: float | None = None) -> None:
        """:param path: absolute. :param record: a file to which every line is added, for who comes after the end.
        :param deadline: seconds that a session gives a batch.

        :raises UsageError: if nobody can listen there.
        """
        super().__init__(None, -1)
        self.ended = False
        self.path = path
        self.session = record is not None
        self.deadline = deadline
        self._needs_client = False
        self._record = None if record is None else Record(record)
        self._listener = listening(path)
        self._client: socket.socket | None = None
        self._silent = False
        self._said: list[bytes] = []
        self._told = 0
        self._rest = b""

    def at_end(self) -> bool:
        """Somebody may always come."""
        return False

    @contextlib.contextmanager
    def while_connected(self) -> Iterator[None]:
        self._needs_client = self.session
        try:
            self._accept()
            self._fill()
            self.ended = self._needs_client and self._client is None
            yield
        finally:
            self._needs_client = self.ended = False

    def send(self, data: bytes, deadline: float) -> None:
        """Say lines; whoever does not read them until the deadline is hung up on, and may come again."""
        self._said.append(data)
        if self._record is not None:
            self._record.add(data)
        if self._client is None:
            self._accept()
        self._tell(deadline)

    def finish(self) -> None:
        """Let who is there read the last lines, and close."""
        self._accept()
        self._tell(time.monotonic() + MAX_READING_SECONDS)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._hang_up()
        self._listener.close()

    def _ready(self, seconds: float) -> bool:
        """Wait until the program at the other end, whichever it is then, has sent something."""
        deadline = time.monotonic() + seconds
        while True:
            self._accept()
            self._tell(time.monotonic() + MAX_READING_SECONDS)
            if self.ended:
                return False
            poll = select.poll()
            poll.register(self._listener, select.POLLIN)
            if self._client is not None:
                # That it goes altogether is told in any case.
                poll.register(self._client, 0 if self._silent else select.POLLIN)
            left = deadline - time.monotonic()
            deferral.raise_pending()
            found = [descriptor for descriptor, _ in poll.poll(max(0.0, left) * 1000)]
            here = self._client is not None and self._client.fileno() in found
            if here or b"\n" in self._buffer:
                return True
            if not found and left <= 0:
                return False

    def _fill(self) -> None:
        if self._client is not None and self._take_in(MAX_LINE_BYTES) and _closed(self._client):
            self._hang_up()

    def _accept(self) -> None:
        """Take who waits; while somebody is there, others are told so."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            problem = _unwelcome(client)
            # Who only listens makes room for who may have something to say.
            if problem is None and (self._client is None or self._take_in(MAX_LINE_BYTES)):
                self._hang_up()
                client.setblocking(False)
                self._client, self._told, self._rest, self._silent = client, 0, b"", False
                self.ended = False
                continue
            code, message = problem or ("socket.busy", "Another program is connected; one at a time.")
            # The only line that this program gets.
            stamp = {"seq": 1, "run": self.run, "ts": rfc3339(datetime.datetime.now(datetime.timezone.utc))}
            with contextlib.suppress(OSError):
                client.send(json.dumps({**lines.error(code, message), **stamp}).encode() + b"\n")
            client.close()

    def _take_in(self, limit: int) -> bool:
        """What the program has sent; whether it will send nothing more.

        :param limit: bytes after which the rest may wait.
        """
        assert self._client is not None
        while not self._silent and len(self._buffer) <= limit:
            try:
                data = self._client.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self._buffer += data
            self._silent = not data
        return self._silent

    def _tell(self, deadline: float) -> None:
        while self._client is not None and (self._rest or self._told < len(self._said)):
            if not self._rest:
                self._rest = self._said[self._told]
                self._told += 1
            try:
                self._rest = self._rest[self._client.send(self._rest) :]
            except BlockingIOError:
                self._wait_for_room(deadline)
            except OSError:
                # What it may have sent before it went is still there to be read.
                return

    def _wait_for_room(self, deadline: float) -> None:
        """Whoever does not read is hung up on. It may be busy writing answers itself and read only after that, so
        these are taken in meanwhile."""
        assert self._client is not None
        ahead = not self._silent and len(self._buffer) <= MAX_AHEAD_BYTES
        poll = select.poll()
        poll.register(self._client, select.POLLOUT | (select.POLLIN if ahead else 0))
        deferral.raise_pending()
        if poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            self._take_in(MAX_AHEAD_BYTES)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        """A line that was not ended belongs to who is gone, and is dropped with it."""
        if self._client is not None:
            self._client.close()
        self._client = None
        self.ended = self._needs_client
        del self._buffer[self._buffer.rfind(b"\n") + 1 :]
        self._skipping = False


def _closed(client: socket.socket) -> bool:
    """Whether it has closed its end for reading, too."""
    poll = select.poll()
    poll.register(client, 0)
    return bool(poll.poll(0))


def listening(path: str) -> socket.socket:
    """A socket that only this user may connect to.

    :param path: absolute; a socket there that nobody listens on any more is replaced.
    :raises UsageError: with the mend.
    """
    if not path:
        raise UsageError([f"{FLAG} is empty; give the path of the socket."])
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise UsageError(
            [
                f"{FLAG}: {path} has {len(os.fsencode(path))} bytes, a socket's path may have {MAX_PATH_BYTES}; name a "
                "shorter one, such as /run/certbot.sock."
            ]
        )
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Between bind and chmod somebody else could connect, so the mode is right from the beginning.
    before = os.umask(0o177)
    try:
        listener.bind(path)
    except OSError as error:
        listener.close()
        mend = "" if error.errno == errno.EADDRINUSE else f"; see that {os.path.dirname(path)} is a folder of yours"
        raise UsageError([f"{FLAG}: {path} cannot be listened on ({error.strerror}){mend}."]) from None
    finally:
        os.umask(before)
    listener.listen(8)
    listener.setblocking(False)
    return listener


def _remove_stale(path: str) -> None:
    try:
        status = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise UsageError([f"{FLAG}: {path} exists and is no socket; name a path that is free."])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        # A queue that is full may stay so.
        trial.settimeout(MAX_TRIAL_SECONDS)
        try:
            trial.connect(path)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(path)
            return
        except OSError as error:
            # Of another kind, another user's, or just busy: whoever it is, he is there.
            logger.debug("%s is in use: %s", path, error)
    raise UsageError([f"{FLAG}: another program listens on {path}; name another path, or wait until it has ended."])


def _unwelcome(client: socket.socket) -> tuple[str, str] | None:
    """Code and message for a program of another user (SO_PEERCRED of unix(7)); root is let in everywhere."""
    _, user, _ = _CREDENTIALS.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user in (0, os.geteuid()):
        return None
    return "socket.refused", f"This socket is user {os.geteuid()}'s, not user {user}'s."
