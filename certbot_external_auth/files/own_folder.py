"""The plugin's own folders and files below Certbot's work directory: this user's alone, and no link is followed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shlex
import stat
from collections.abc import Callable, Iterator, Sequence

NAME = "external-auth"
PASSING = ".new-"
"""How the name of a file begins while it is written."""

_swept: set[str] = set()
_TRIES = 3
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS = 0o022
"""Rights of others with which they could have put there what is read."""
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
    with _walked(work_dir, names, lambda parent, name, shown: _entered(parent, name, shown, create)) as descriptor:
        _sweep_once(descriptor, path(work_dir, *names))
        yield descriptor


@contextlib.contextmanager
def looked_into(work_dir: str, *names: str) -> Iterator[int]:
    """A descriptor of the same folder to read from. Nothing is made, changed or swept, so it may be read-only.

    :raises FileNotFoundError: if there is none.
    :raises OSError: if it cannot be looked at, is a link, belongs to somebody else, or others may write there.
    """
    with _walked(work_dir, names, _looked_at) as descriptor:
        yield descriptor


@contextlib.contextmanager
def _walked(work_dir: str, names: Sequence[str], enter: Callable[[int, str, str], int]) -> Iterator[int]:
    """:param enter: opens one folder, given that above it, its name, and its path."""
    descriptor = os.open(work_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for depth, name in enumerate((NAME, *names)):
            below = enter(descriptor, name, path(work_dir, *names[:depth]))
            descriptor, above = below, descriptor
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def _looked_at(parent: int, name: str, shown: str) -> int:
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            # No chown is advised here: what he has written would be believed from then on.
            found = f"{shown} belongs to another user, so nothing in it is believed; run this as user {status.st_uid}"
            raise PermissionError(errno.EPERM, found, shown)
        if status.st_mode & _OTHERS:
            fix = f"see what is in it, then: chmod 700 {shlex.quote(shown)}"
            raise PermissionError(errno.EPERM, f"others may write into {shown}; {fix}", shown)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


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
            # See `_looked_at` for why no chown is advised.
            fix = f"run it as user {status.st_uid}, or name another folder with --work-dir"
            raise PermissionError(errno.EPERM, f"it belongs to another user; {fix}", shown)
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


def file(folder: int, name: str) -> int:
    """A descriptor to read a file that nobody but this user may write.

    :param folder: a descriptor from `opened` or `looked_into`.
    :raises FileNotFoundError: if there is none.
    :raises OSError: if it cannot be opened, or is something else.
    """
    # Without O_NONBLOCK a named pipe would be waited for.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS:
        return descriptor
    os.close(descriptor)
    raise PermissionError(errno.EPERM, f"{name} is not a regular file that only this user may write", name)


def read(folder: int, name: str, limit: int, *, end: bool = False) -> bytes:
    """The content of such a file, no more of it than the limit.

    :param end: the last bytes, not the first ones.
    :raises OSError: as `file`, or if it cannot be read.
    """
    with open(file(folder, name), "rb") as found:
        if end:
            found.seek(max(0, os.fstat(found.fileno()).st_size - limit))
        return found.read(limit)


def remove(folder: int, name: str) -> None:
    """Remove a folder below this one with the files in it, as far as that can be done; no link is followed.

    :param folder: a descriptor from `opened`.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(name, _FOLDER, dir_fd=folder)
        try:
            for one in os.listdir(descriptor):
                with contextlib.suppress(OSError):
                    os.unlink(one, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        os.rmdir(name, dir_fd=folder)


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
