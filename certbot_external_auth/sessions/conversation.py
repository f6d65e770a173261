"""The verbs' end of a session's socket: read the lines of its Certbot, and answer them."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from certbot import errors

from certbot_external_auth.sessions import Session, socket_place, store

Line = dict[str, Any]


PATIENCE_SECONDS = 2400.0
"""How long to wait for a line: Certbot gives a CA half an hour to validate challenges."""
_CREDENTIALS = struct.Struct("3i")


class UnreachableError(errors.Error):
    """The session's Certbot runs, but cannot be reached."""


class BusyError(UnreachableError):
    """Another process is connected to the session's Certbot."""


class Conversation:
    """A connection to a session's Certbot, which sends every line from the first on. Leave it with `with`.

    :ivar lines: the lines read so far.
    """

    def __init__(self, path: str) -> None:
        """Connect. :raises OSError: if no process listens at the path, or another user's does."""
        self.lines: list[Line] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
            _refuse_others(self._socket)
        except OSError:
            self._socket.close()
            raise
        self._rest = b""

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def welcome(self, limit: float = PATIENCE_SECONDS) -> None:
        """Read the first line, which comes only to the one process that may talk.

        :param limit: seconds to wait for it.
        :raises BusyError: if another process is connected.
        """
        self._take(self._read(limit))

    def attend(self, known: int = 0, limit: float = PATIENCE_SECONDS) -> bool:
        """Read lines until a batch waits for an answer.

        The lines about cleanup and deployment are confirmed at once: the caller does that work after the end.

        :param known: how many lines the caller knows; a batch among them is not a new one.
        :param limit: seconds to wait for a line.
        :returns: False if the connection ended, or no line came in time.
        :raises BusyError: if another process is connected.
        """
        while raw := self._read(limit):
            line = self._take(raw)
            if line.get("cmd") == "await" and len(self.lines) > known:
                return True
            # It does no harm to confirm a line again.
            if line.get("cmd") in ("cleanup", "deploy_cert") and "id" in line:
                self.answer([{"id": line["id"], "ok": True}])
        return False

    def _take(self, raw: bytes) -> Line:
        line = _parsed(raw)
        if line.get("code") in ("socket.busy", "socket.refused"):
            raise BusyError(str(line.get("message")))
        self.lines.append(line)
        return line

    def _read(self, limit: float) -> bytes:
        """Read the next line; empty at the end."""
        while b"\n" not in self._rest:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            if not poll.poll(limit * 1000):
                return b""
            try:
                data = self._socket.recv(65536)
            except OSError:
                # Certbot ended before it accepted the connection.
                return b""
            if not data:
                return b""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    def answer(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Send answers. If the other end is gone, the next read shows that."""
        try:
            self._socket.sendall(b"".join(json.dumps(one).encode() + b"\n" for one in answers))
        except OSError:
            return


def _refuse_others(connected: socket.socket) -> None:
    """Refuse a socket on which another user listens (SO_PEERCRED of unix(7)).

    :raises PermissionError: if another user does.
    """
    _, user, _ = _CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user != os.geteuid():
        raise PermissionError(errno.EPERM, f"user {user} listens there")


def reached(session: Session) -> Conversation | None:
    """Connect to a session's Certbot; None if it is about to end, or does not listen yet.

    :raises UnreachableError: if the socket was removed, or its recorded path is not that of a session.
    :raises OSError: if the session's record cannot be read.
    """
    if not socket_place.is_place(session):
        raise UnreachableError(
            f"The record of session {session.id} names the socket {session.socket}, which cannot be that of a "
            "session, so the plugin does not connect to it. End the session with abort, and begin again."
        )
    try:
        return Conversation(session.socket)
    except FileNotFoundError:
        said = store.lines(session)
        # Certbot listens before its first line, and stops after its last one.
        if not said or said[-1].get("cmd") == "summary" or not store.alive(session):
            return None
    except OSError:
        return None
    raise UnreachableError(
        f"The socket of session {session.id}, {session.socket}, was removed. Its Certbot runs, but cannot be reached. "
        "End the session with abort, and begin again."
    )


def _parsed(raw: bytes) -> Line:
    try:
        line = json.loads(raw)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def connected(path: str, ended: Callable[[], bool]) -> Conversation | None:
    """Wait until a process listens at a path, and connect to it.

    :param ended: tells whether the process has ended; the result is None then.
    """
    while True:
        over = ended()
        try:
            return Conversation(path)
        except OSError:
            if over:
                return None
            time.sleep(0.01)
