"""Chooses the path of a session's socket: in a folder for this user alone, which lasts as long as the session.

If that is not the session's own folder, a lock file lies beside the socket. Certbot keeps it locked until it ends, and
it is locked before it has its name. So if the file can be locked, its Certbot is dead, and the socket is useless.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterator

from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import own_folder
from certbot_external_auth.protocol.socket_channel import MAX_PATH_BYTES
from certbot_external_auth.sessions import FOLDER, Session

RUN = "/run"
"""For root only; it lasts until the machine is restarted."""
_SOCKET, _LOCK = ".sock", ".lock"
_OWN = "socket"
"""The socket's name in the session's own folder."""
_NAME = re.compile(rf"[0-9a-f]{{12}}{re.escape(_LOCK)}")


def chosen(folder: str, identifier: str) -> str:
    """Choose a path at which a socket can be created.

    The runtime folder of a login (XDG_RUNTIME_DIR) and the folder for temporary files come last. While a session goes
    on, logind removes the first at logout, and old files are deleted from the second.

    :param folder: the session's own folder.
    :param identifier: the session's id.
    :raises UsageError: if there is no such path, or other users may write into a folder that should be used.
    """
    own = os.path.join(folder, _OWN)
    run, *others = (_below(base, identifier) for base in _bases())
    for path in filter(None, (run, own, *others)):
        if len(os.fsencode(path)) <= MAX_PATH_BYTES and (path == own or _made(os.path.dirname(path))) and _holds(path):
            return path
    raise UsageError(
        [
            f"No socket can be created in {folder} or in the folders for temporary files. The path of a socket can "
            f"have at most {MAX_PATH_BYTES} bytes. Set XDG_RUNTIME_DIR to a short folder of yours, or use another "
            "--work-dir."
        ]
    )


def _bases() -> tuple[str | None, ...]:
    return (None if os.geteuid() else RUN, os.environ.get("XDG_RUNTIME_DIR"), _temporary())


def _temporary() -> str | None:
    """Return the folder for temporary files; None if there is none to write to, for example on a full disk."""
    with contextlib.suppress(OSError):
        return tempfile.gettempdir()
    return None


def _below(base: str | None, identifier: str) -> str:
    return os.path.join(base, _ours(), f"{identifier}{_SOCKET}") if base else ""


def _ours() -> str:
    """Return the name of this user's folder of sockets."""
    return f"certbot-external-auth-{os.geteuid()}"


def lock(path: str) -> int | None:
    """Create and lock the file beside a socket that says that the socket is in use.

    :param path: of the socket.
    :returns: the descriptor that holds the lock; None if the socket lies in the session's own folder.
    :raises OSError: if the file cannot be created.
    """
    folder, name = os.path.split(path)
    if not name.endswith(_SOCKET):
        return None
    with _opened(folder) as descriptor:
        return own_folder.put(descriptor, name.removesuffix(_SOCKET) + _LOCK, b"")


def is_place(session: Session) -> bool:
    """Tell whether the recorded path of a socket is one that `chosen` can return for this session."""
    folder, name = os.path.split(session.socket)
    own = os.path.join(session.folder, _OWN)
    return session.socket == own or (os.path.basename(folder), name) == (_ours(), f"{session.id}{_SOCKET}")


def remove(session: Session) -> None:
    """Remove the socket of a Certbot that has ended, and its lock file. Nothing at another path is removed."""
    if not is_place(session):
        return
    folder, name = os.path.split(session.socket)
    # Not by its path: a folder above may belong to another user.
    with contextlib.suppress(OSError):
        if name == _OWN:
            with own_folder.looked_into(session.work_dir, FOLDER, session.id) as descriptor:
                os.unlink(name, dir_fd=descriptor)
            return
        with _opened(folder) as descriptor:
            for file in (name, f"{session.id}{_LOCK}"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file, dir_fd=descriptor)


def sweep() -> None:
    """Remove the sockets of this user's dead sessions, even if their records are gone."""
    for base in filter(None, _bases()):
        with contextlib.suppress(OSError), _opened(os.path.dirname(_below(base, ""))) as folder:
            for name in os.listdir(folder):
                if name.startswith(own_folder.PASSING):
                    own_folder.sweep(folder, name)
                elif _NAME.fullmatch(name):
                    _sweep(folder, name)


def _sweep(folder: int, name: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name.removesuffix(_LOCK) + _SOCKET, dir_fd=folder)
            # Last: a later sweep finds the socket by its lock file.
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int]:
    """Open a folder of sockets. :raises OSError: if it is missing, or other users may use it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not _is_ours(os.fstat(descriptor)):
            raise PermissionError(errno.EPERM, "it is not this user's alone", folder)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_ours(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _made(folder: str) -> bool:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    if not _is_ours(os.lstat(folder)):
        # For root, the folder in /run always comes first, so that naming another one would not help.
        fix = "remove it" if os.path.dirname(folder) == RUN else "remove it, or set XDG_RUNTIME_DIR to another folder"
        raise UsageError([f"{folder} is not for this user alone; {fix}."])
    return True


def _holds(path: str) -> bool:
    """Tell whether a socket can be created at a path. Some network file systems have none."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.bind(path)
        except OSError:
            return False
    with contextlib.suppress(OSError):
        os.unlink(path)
    return True
