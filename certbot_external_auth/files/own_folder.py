"""Opens the plugin's own folders and files below Certbot's work directory, for this user only and without links."""

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
"""How the name of a file begins while it is being written."""

_swept: set[str] = set()
_MAX_TRIES = 3
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE = 0o022
"""Permissions with which another user could have put there what is read."""
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def path(work_dir: str, *names: str) -> str:
    """Return the path of the plugin's folder, or of a file or folder below it."""
    return os.path.join(work_dir, NAME, *names)


@contextlib.contextmanager
def opened(work_dir: str, *names: str, create: bool) -> Iterator[int]:
    """Open the plugin's folder, or one below it, and give its descriptor to the block. Set its mode to 0700.

    :param names: the names of the folders below the plugin's, each inside the one before.
    :param create: create the folders that do not exist.
    :raises FileNotFoundError: if it does not exist, and is not to be created.
    :raises OSError: if it cannot be opened, is a link, or belongs to another user.
    """
    if create:
        os.makedirs(work_dir, mode=0o755, exist_ok=True)
    with _walked(work_dir, names, lambda parent, name, shown: _entered(parent, name, shown, create)) as descriptor:
        _sweep_once(descriptor, path(work_dir, *names))
        yield descriptor


@contextlib.contextmanager
def looked_into(work_dir: str, *names: str) -> Iterator[int]:
    """Open the same folder only to read it. Nothing is created or changed, so the file system may be read-only.

    :raises FileNotFoundError: if it does not exist.
    :raises OSError: if it cannot be read, is a link, belongs to another user, or other users can write into it.
    """
    with _walked(work_dir, names, _opened_to_read) as descriptor:
        yield descriptor


@contextlib.contextmanager
def _walked(work_dir: str, names: Sequence[str], enter: Callable[[int, str, str], int]) -> Iterator[int]:
    """Open the folders from the work directory down, and give the descriptor of the last one to the block.

    :param enter: opens one folder; called with the descriptor of the folder above, its name, and its path.
    """
    descriptor = os.open(work_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for depth, name in enumerate((NAME, *names)):
            below = enter(descriptor, name, path(work_dir, *names[:depth]))
            descriptor, above = below, descriptor
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def _opened_to_read(parent: int, name: str, shown: str) -> int:
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            # The message does not advise chown: the plugin would then trust what the other user has written.
            problem = f"{shown} belongs to another user, so it is not trusted; run this as user {status.st_uid}"
            raise PermissionError(errno.EPERM, problem, shown)
        if status.st_mode & _OTHERS_WRITE:
            fix = f"check what is in it, then run: chmod 700 {shlex.quote(shown)}"
            raise PermissionError(errno.EPERM, f"other users can write into {shown}; {fix}", shown)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _sweep_once(folder: int, shown: str) -> None:
    """Remove what a process that was killed left unfinished, such as a private key, once in each process."""
    if shown not in _swept:
        _swept.add(shown)
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if name.startswith(PASSING):
                    sweep(folder, name)


def sweep(folder: int, name: str) -> None:
    """Remove a file that was never finished, unless another process is writing it.

    :param folder: a descriptor from `opened`.
    """
    with contextlib.suppress(OSError):
        # Without O_NONBLOCK, opening a named pipe would block.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(file)


def _entered(parent: int, name: str, shown: str, create: bool) -> int:
    if create and _made(parent, name):
        # Files in the folder survive a crash only if its name does.
        os.fsync(parent)
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            # See `_opened_to_read` for why no chown is advised.
            fix = f"run Certbot as user {status.st_uid}, or name another folder with --work-dir"
            raise PermissionError(errno.EPERM, f"it belongs to another user; {fix}", shown)
        if status.st_mode & 0o7777 != 0o700:
            _tighten(descriptor, status.st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _tighten(descriptor: int, mode: int) -> None:
    try:
        os.fchmod(descriptor, 0o700)
    except OSError as error:
        # A reader need not be able to change the mode, as long as no other user can have written here.
        if error.errno != errno.EROFS or mode & _OTHERS_WRITE:
            raise


def _made(parent: int, name: str) -> bool:
    # With a mask such as 0700 this user could not enter the folder.
    before = os.umask(0o077)
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    finally:
        os.umask(before)
    return True


def file(folder: int, name: str) -> int:
    """Open a file to read it, and return its descriptor. Only this user can have written it.

    :param folder: a descriptor from `opened` or `looked_into`.
    :raises FileNotFoundError: if it does not exist.
    :raises OSError: if it cannot be opened, is not a regular file, or another user can write it.
    """
    # Without O_NONBLOCK, opening a named pipe would block.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_WRITE:
        return descriptor
    os.close(descriptor)
    raise PermissionError(errno.EPERM, f"{name} is not a regular file that only this user can write", name)


def read(folder: int, name: str, limit: int, *, end: bool = False) -> bytes:
    """Return the content of such a file.

    :param limit: at most so many bytes of it.
    :param end: its last bytes, not its first.
    :raises OSError: as `file`, or if it cannot be read.
    """
    with open(file(folder, name), "rb") as stream:
        if end:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - limit))
        return stream.read(limit)


def remove(folder: int, name: str) -> None:
    """Remove a folder and the files in it, as far as possible. A link in its place is not followed.

    :param folder: a descriptor from `opened`.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(name, _FOLDER, dir_fd=folder)
        try:
            for file_name in os.listdir(descriptor):
                with contextlib.suppress(OSError):
                    os.unlink(file_name, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        os.rmdir(name, dir_fd=folder)


def put(folder: int, name: str, content: bytes, *, sync: bool = False) -> int:
    """Write a file with mode 0600, completely or not at all. A file or link of the same name is replaced.

    :param folder: a descriptor from `opened`.
    :param sync: write the content to the disk first. The name is there after the caller has synced the folder.
    :returns: the file's descriptor. The file is locked until the caller closes it, and was before it had its name.
    :raises OSError: if it cannot be written. Nothing is changed then.
    """
    for _ in range(_MAX_TRIES):
        # Another process may sweep the file away just before it is locked; then try again.
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
