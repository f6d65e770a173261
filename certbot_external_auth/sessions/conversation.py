"""The program's end of a session's socket: reads its lines and answers them."""

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


PATIENCE = 2400.0
"""Seconds between two lines: Certbot gives a CA half an hour to look at challenges."""
_CREDENTIALS = struct.Struct("3i")


class UnreachableError(errors.Error):
    """The session's Certbot runs, but cannot be talked to."""


class BusyError(UnreachableError):
    """Somebody else talks to it."""


class Conversation:
    """A context manager; every line comes, from the first on.

    :ivar lines: those read so far.
    """

    def __init__(self, path: str) -> None:
        """:raises OSError: if nobody listens there, or another user."""
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

    def welcome(self, limit: float = PATIENCE) -> None:
        """Read the first line: with that it is settled who talks.

        :param limit: seconds until it must have come.
        :raises BusyError: if somebody else is connected.
        """
        self._take(self._read(limit))

    def attend(self, known: int = 0, limit: float = PATIENCE) -> bool:
        """Read, confirming what wants to be confirmed, until a batch waits for an answer; False at the end, and when
        nothing came for too long.

        Cleanup and deployment are the caller's own work, after the end: both are said to be done.

        :param known: so many lines were said before, so a batch among them is not a new one.
        :param limit: seconds between two lines.
        :raises BusyError: if somebody else is connected.
        """
        while raw := self._read(limit):
            line = self._take(raw)
            if line.get("cmd") == "await" and len(self.lines) > known:
                return True
            # One that was confirmed before may be confirmed again.
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
        """The next line, empty at the end."""
        while b"\n" not in self._rest:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            if not poll.poll(limit * 1000):
                return b""
            try:
                data = self._socket.recv(65536)
            except OSError:
                # It ended before it had taken the connection.
                return b""
            if not data:
                return b""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    def answer(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Send answers; an end that is gone shows when reading."""
        try:
            self._socket.sendall(b"".join(json.dumps(one).encode() + b"\n" for one in answers))
        except OSError:
            return


def _refuse_others(connected: socket.socket) -> None:
    """What another user says is no session's (SO_PEERCRED of unix(7): who has begun to listen).

    :raises PermissionError: if it is one.
    """
    _, user, _ = _CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user != os.geteuid():
        raise PermissionError(errno.EPERM, f"user {user} listens there")


def reached(session: Session) -> Conversation | None:
    """A conversation with a session's Certbot; None if that ends just now, or has not yet begun to listen.

    :raises UnreachableError: if the socket is gone and will not come again, or is not where it must be.
    :raises OSError: if the session cannot be looked at.
    """
    if not socket_place.is_place(session):
        raise UnreachableError(
            f"Session {session.id} is said to listen at {session.socket}, where no session does, so nobody is asked "
            "there. End it by abort, and begin again."
        )
    try:
        return Conversation(session.socket)
    except FileNotFoundError:
        said = store.lines(session)
        # It listens before it says anything, and stops after the last line.
        if not said or said[-1].get("cmd") == "summary" or not store.alive(session):
            return None
    except OSError:
        return None
    raise UnreachableError(
        f"The socket of session {session.id}, {session.socket}, was removed, so its Certbot, which runs, cannot be "
        "reached. End it by abort, and begin again."
    )


def _parsed(raw: bytes) -> Line:
    try:
        line = json.loads(raw)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def connected(path: str, ended: Callable[[], bool]) -> Conversation | None:
    """A conversation with whoever listens, as soon as somebody does.

    :param ended: whether nobody will; the result is None then.
    """
    while True:
        over = ended()
        try:
            return Conversation(path)
        except OSError:
            if over:
                return None
            time.sleep(0.01)
