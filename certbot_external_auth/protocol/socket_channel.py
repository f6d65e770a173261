"""The channel of lines on a Unix socket, to which one program at a time connects.

Programs can come and go. Each gets all lines since the beginning, and then the new ones. stdout and stdin stay
Certbot's.
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
"""Longest path of a socket: sun_path of unix(7) has 108 bytes, and the last one is NUL."""
MAX_READING_SECONDS = 10.0
"""Time for a new client to read all lines so far, and at the end for the client to read the last lines."""
MAX_TRIAL_SECONDS = 5.0
"""Time to find out whether a program listens on an existing socket."""
_CREDENTIALS = struct.Struct("3i")


class SocketChannel(Channel):
    """A `Channel` on a socket.

    :ivar path: path of the socket.
    """

    def __init__(self, path: str, record: str | None = None, deadline: float | None = None) -> None:
        """Listen.

        :param path: absolute path of the socket.
        :param record: path of a file to which every line is added, for programs that come after the end. Only a
            session has one.
        :param deadline: seconds that a session has for a batch.
        :raises UsageError: if it cannot listen there.
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
        """Return False: a program can connect at any time."""
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
        """Send lines. A client that has not read them by the deadline is disconnected, and can come again."""
        self._said.append(data)
        if self._record is not None:
            self._record.add(data)
        if self._client is None:
            self._accept()
        self._tell(deadline)

    def finish(self) -> None:
        """Let the client read the last lines, and close the socket."""
        self._accept()
        self._tell(time.monotonic() + MAX_READING_SECONDS)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._hang_up()
        self._listener.close()

    def _ready(self, seconds: float) -> bool:
        """Wait until a client, this one or a later one, has sent something. Return whether one has."""
        deadline = time.monotonic() + seconds
        while True:
            self._accept()
            self._tell(time.monotonic() + MAX_READING_SECONDS)
            if self.ended:
                return False
            poll = select.poll()
            poll.register(self._listener, select.POLLIN)
            if self._client is not None:
                # poll() reports a client that is gone in any case.
                poll.register(self._client, 0 if self._silent else select.POLLIN)
            left = deadline - time.monotonic()
            deferral.raise_pending()
            ready = [descriptor for descriptor, _ in poll.poll(max(0.0, left) * 1000)]
            here = self._client is not None and self._client.fileno() in ready
            if here or b"\n" in self._buffer:
                return True
            if not ready and left <= 0:
                return False

    def _fill(self) -> None:
        if self._client is not None and self._take_in(MAX_LINE_BYTES) and _closed(self._client):
            self._hang_up()

    def _accept(self) -> None:
        """Accept the programs that wait. While one is connected, the others get one line that says so."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            problem = _unwelcome(client)
            # A client that will send nothing more makes room for one that may send answers.
            if problem is None and (self._client is None or self._take_in(MAX_LINE_BYTES)):
                self._hang_up()
                client.setblocking(False)
                self._client, self._told, self._rest, self._silent = client, 0, b"", False
                self.ended = False
                continue
            code, message = problem or (
                "socket.busy",
                "Another program is connected. Try again when it has disconnected.",
            )
            # The only line that this program gets.
            stamp = {"seq": 1, "run": self.run, "ts": rfc3339(datetime.datetime.now(datetime.timezone.utc))}
            with contextlib.suppress(OSError):
                client.send(json.dumps({**lines.error(code, message), **stamp}).encode() + b"\n")
            client.close()

    def _take_in(self, max_bytes: int) -> bool:
        """Read what the client has sent. Return whether it will send nothing more.

        :param max_bytes: stop when so many bytes wait to be taken.
        """
        assert self._client is not None
        while not self._silent and len(self._buffer) <= max_bytes:
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
                # The client is gone. What it sent before can still be read.
                return

    def _wait_for_room(self, deadline: float) -> None:
        """Wait until the client can take more, and read its answers meanwhile; at the deadline disconnect it.

        A client that is busy writing answers may read only after that.
        """
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
        """Disconnect the client, and drop a line of which it has sent only a part."""
        if self._client is not None:
            self._client.close()
        self._client = None
        self.ended = self._needs_client
        del self._buffer[self._buffer.rfind(b"\n") + 1 :]
        self._skipping = False


def _closed(client: socket.socket) -> bool:
    """Tell whether a client has closed both directions."""
    poll = select.poll()
    poll.register(client, 0)
    return bool(poll.poll(0))


def listening(path: str) -> socket.socket:
    """Listen on a socket to which only this user can connect.

    :param path: absolute path. A socket there on which no program listens is replaced.
    :raises UsageError: if that fails. The message says what to do.
    """
    if not path:
        raise UsageError([f"{FLAG} is empty; give the path of the socket."])
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise UsageError(
            [
                f"{FLAG}: {path} has {len(os.fsencode(path))} bytes, a socket's path can have {MAX_PATH_BYTES}; name a "
                "shorter one, such as /run/certbot.sock."
            ]
        )
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # With chmod after bind, another user could connect in between.
    umask_before = os.umask(0o177)
    try:
        listener.bind(path)
    except OSError as error:
        listener.close()
        fix = "" if error.errno == errno.EADDRINUSE else f"; check that {os.path.dirname(path)} is a folder of yours"
        raise UsageError([f"{FLAG}: {path} cannot be used as a socket ({error.strerror}){fix}."]) from None
    finally:
        os.umask(umask_before)
    listener.listen(8)
    listener.setblocking(False)
    return listener


def _remove_stale(path: str) -> None:
    try:
        status = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise UsageError([f"{FLAG}: {path} exists and is not a socket; name a path that is free."])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        # connect() would wait while the queue of a busy listener is full.
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
            # The socket is of another kind, another user's, or busy: in each case a program uses it.
            logger.debug("%s is in use: %s", path, error)
    raise UsageError(
        [f"{FLAG}: another program listens on {path}; name another path, or wait until that program has ended."]
    )


def _unwelcome(client: socket.socket) -> tuple[str, str] | None:
    """Return the code and message that refuse a program of another user (SO_PEERCRED of unix(7)).

    Return None for a program of this user or of root.
    """
    _, user, _ = _CREDENTIALS.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user in (0, os.geteuid()):
        return None
    return "socket.refused", f"This socket belongs to user {os.geteuid()}; you are user {user}."
