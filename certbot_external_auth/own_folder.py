"""The plugin's own folders and files below Certbot's work directory: this user's alone, and no link is followed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shlex
from collections.abc import Iterator

NAME = "external-auth"
PASSING = ".new-"
"""How the name of a file begins while it is written."""

_swept: set[str] = set()
_TRIES = 3
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def path(work_dir: str, *names: str) -> str:
    """Where it is."""
    return os.path.join(work_dir, NAME, *names)


@contextlib.contextmanager
def opened(work_dir: str, *names: str, create: bool) -> Iterator[int]:
    """A descriptor of a folder below the plugin's own one, which must be this user's; its mode is made 0700.

    :param create: make what is missing; else a missing folder is a FileNotFoundError.
    :raises OSError: if it cannot be opened, is a link, or belongs to somebody else.
    """
    if create:
        os.makedirs(work_dir, mode=0o755, exist_ok=True)
    descriptor = os.open(work_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for depth, name in enumerate((NAME, *names)):
            below = _entered(descriptor, name, path(work_dir, *names[:depth]), create)
            descriptor, above = below, descriptor
            os.close(above)
        _sweep_once(descriptor, path(work_dir, *names))
        yield descriptor
    finally:
        os.close(descriptor)


def _sweep_once(folder: int, shown: str) -> None:
    """The first time that a process is there, what a dead one did not finish goes; it may be a private key."""
    if shown not in _swept:
        _swept.add(shown)
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if name.startswith(PASSING):
                    sweep(folder, name)


def sweep(folder: int, name: str) -> None:
    """Remove a file that was never whole, unless somebody writes it now.

    :param folder: a descriptor from `opened`.
    """
    with contextlib.suppress(OSError):
        # Without O_NONBLOCK a named pipe would be waited for.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(file)


def _entered(parent: int, name: str, shown: str, create: bool) -> int:
    if create and _made(parent, name):
        # What is written below lasts as long as the folder's name does.
        os.fsync(parent)
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            mend = f"run it as user {status.st_uid}, or: chown -R {os.geteuid()} {shlex.quote(shown)}"
            raise PermissionError(errno.EPERM, f"it belongs to another user; {mend}", shown)
        if status.st_mode & 0o7777 != 0o700:
            os.fchmod(descriptor, 0o700)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _made(parent: int, name: str) -> bool:
    # A mask that takes rights from the owner would lock this user out of the folder.
    before = os.umask(0o077)
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    finally:
        os.umask(before)
    return True


def put(folder: int, name: str, content: bytes, *, sync: bool = False) -> int:
    """Write a file, 0600, whole or not at all; what has its name is replaced, not followed.

    :param folder: a descriptor from `opened`.
    :param sync: it is on the disk before it has its name; that it has it, once the caller has synced the folder.
    :returns: a descriptor of it, which the caller closes; it is locked until then, from before it had its name.
    :raises OSError: if it cannot be written; nothing is changed then.
    """
    for _ in range(_TRIES):
        # Who sweeps may take it for a dead one's, just before it is locked.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            return _put(folder, name, content, sync)
    return _put(folder, name, content, sync)


def _put(folder: int, name: str, content: bytes, sync: bool) -> int:
    passing = PASSING + secrets.token_hex(16)
    file = os.open(passing, _NEW, 0o600, dir_fd=folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(file, 0o600)
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
        if sync:
            os.fsync(file)
        os.rename(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.close(file)
        with contextlib.suppress(OSError):
            os.unlink(passing, dir_fd=folder)
        raise
    return file
