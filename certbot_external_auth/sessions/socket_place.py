"""Where a session's socket lies: in a folder that is this user's alone, and is there for as long as the session is.

Where that is not the session's own folder, a file beside the socket is locked for as long as Certbot runs, from before
it has its name: one that can be locked is a dead Certbot's, and so is the socket.
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
"""For root only; it is there until the machine is started anew."""
_SOCKET, _LOCK = ".sock", ".lock"
_OWN = "socket"
"""Its name in the session's folder."""
_NAME = re.compile(rf"[0-9a-f]{{12}}{re.escape(_LOCK)}")


def chosen(folder: str, identifier: str) -> str:
    """A path at which a socket can be made.

    The runtime folder of a login (XDG_RUNTIME_DIR) and the one for temporary files come last: logind removes the one at
    logout, and old files are swept from the other, while a session goes on.

    :param folder: the session's own. :param identifier: the session's.
    :raises UsageError: if there is none, or a folder that should be used is not this user's alone.
    """
    own = os.path.join(folder, _OWN)
    run, *others = (_below(base, identifier) for base in _bases())
    for path in filter(None, (run, own, *others)):
        if len(os.fsencode(path)) <= MAX_PATH_BYTES and (path == own or _made(os.path.dirname(path))) and _holds(path):
            return path
    raise UsageError(
        [
            f"No socket can be made in {folder}, nor in the folders for temporary files: a socket's path may have "
            f"{MAX_PATH_BYTES} bytes. Name a short folder of yours by XDG_RUNTIME_DIR, or another --work-dir."
        ]
    )


def _bases() -> tuple[str | None, ...]:
    return (None if os.geteuid() else RUN, os.environ.get("XDG_RUNTIME_DIR"), _temporary())


def _temporary() -> str | None:
    """The folder for temporary files; None where nothing can be written to any, since the disk is full, say."""
    with contextlib.suppress(OSError):
        return tempfile.gettempdir()
    return None


def _below(base: str | None, identifier: str) -> str:
    return os.path.join(base, _ours(), f"{identifier}{_SOCKET}") if base else ""


def _ours() -> str:
    """The name of this user's folder of sockets."""
    return f"certbot-external-auth-{os.geteuid()}"


def lock(path: str) -> int | None:
    """A descriptor for a session's Certbot to inherit, which says that its socket is in use.

    :param path: of the socket. :returns: None where the socket is removed with the session's folder.
    :raises OSError: if it cannot be made.
    """
    folder, name = os.path.split(path)
    if not name.endswith(_SOCKET):
        return None
    with _opened(folder) as descriptor:
        return own_folder.put(descriptor, name.removesuffix(_SOCKET) + _LOCK, b"")


def is_place(session: Session) -> bool:
    """Whether a session's socket is said to lie where one of that name can: in its folder, or in one of sockets."""
    folder, name = os.path.split(session.socket)
    own = os.path.join(session.folder, _OWN)
    return session.socket == own or (os.path.basename(folder), name) == (_ours(), f"{session.id}{_SOCKET}")


def remove(session: Session) -> None:
    """Remove the socket of a Certbot that has ended, and what says that it was in use; nothing that lies elsewhere."""
    if not is_place(session):
        return
    folder, name = os.path.split(session.socket)
    # Not by its path: a folder above may be somebody else's.
    with contextlib.suppress(OSError):
        if name == _OWN:
            with own_folder.looked_into(session.work_dir, FOLDER, session.id) as descriptor:
                os.unlink(name, dir_fd=descriptor)
            return
        with _opened(folder) as descriptor:
            for one in (name, f"{session.id}{_LOCK}"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(one, dir_fd=descriptor)


def sweep() -> None:
    """Remove the sockets of this user's sessions whose Certbot is dead, also where nobody has its record any more."""
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
            # Last: without it nobody looks at the socket.
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int]:
    """:raises OSError: if it is not there, or not this user's alone."""
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
        # What root has in /run comes before all others, so naming another folder would change nothing.
        fix = "remove it" if os.path.dirname(folder) == RUN else "remove it, or name a folder by XDG_RUNTIME_DIR"
        raise UsageError([f"{folder} is not this user's alone; {fix}."])
    return True


def _holds(path: str) -> bool:
    """Whether a socket can be made there; some network file systems have none."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.bind(path)
        except OSError:
            return False
    with contextlib.suppress(OSError):
        os.unlink(path)
    return True
