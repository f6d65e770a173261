"""The journal's files: each is written whole, locked by who works on it, and read with mistrust."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time

from certbot_external_auth.files import own_folder
from certbot_external_auth.journal import outputs
from certbot_external_auth.journal.entry import LIMIT, Entry, EntryError, decode, encode

FOLDER = "journal"
_LOOK = 0.5
"""Seconds that somebody who only looks may keep a file."""


def folder(work_dir: str) -> str:
    """Where the files are."""
    return own_folder.path(work_dir, FOLDER)


def file_path(work_dir: str, entry: Entry) -> str:
    """The file of a batch."""
    return os.path.join(folder(work_dir), f"{entry.id}.json")


def new_id() -> str:
    """For a new batch."""
    return secrets.token_hex(16)


class Held:
    """A batch's file, locked by this process until it is removed or released."""

    def __init__(self, work_dir: str, entry: Entry, descriptor: int) -> None:
        self._work_dir = work_dir
        self._descriptor = descriptor
        self.entry = entry

    @classmethod
    def new(cls, work_dir: str, entry: Entry) -> Held:
        """Write a batch's file, which is on the disk when this returns.

        :raises OSError: if it cannot be written; nothing is left of it then.
        """
        held = cls(work_dir, entry, -1)
        try:
            held.store(entry)
        except BaseException:
            # It may have its name already, and only be not surely on the disk.
            with contextlib.suppress(OSError):
                _unlink(work_dir, entry)
            held.release()
            raise
        return held

    def store(self, entry: Entry) -> None:
        """Replace what the file says; it stays locked whatever comes of that.

        :raises OSError: if it is as before, or not surely on the disk.
        """
        try:
            content = encode(entry)
        except EntryError as error:
            raise OSError(errno.EFBIG, str(error)) from None
        with own_folder.opened(self._work_dir, FOLDER, create=True) as above:
            descriptor = own_folder.put(above, f"{entry.id}.json", content, sync=True)
            self.release()
            self._descriptor, self.entry = descriptor, entry
            os.fsync(above)

    def remove(self) -> None:
        """Everything is withdrawn. The file is released in any case.

        :raises OSError: if it cannot be removed.
        """
        try:
            _unlink(self._work_dir, self.entry)
            outputs.forget(self._work_dir, self.entry.id)
        finally:
            self.release()

    def release(self) -> None:
        """Leave it to a recovery."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _unlink(work_dir: str, entry: Entry) -> None:
    with contextlib.suppress(FileNotFoundError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        os.unlink(f"{entry.id}.json", dir_fd=above)


def open_file(above: int, name: str, access: int = os.O_RDONLY) -> int:
    """A descriptor of a file that only this user may write.

    :param above: a descriptor of the folder.
    :param access: looking needs no right to write, and no file system that can be written.
    :raises EntryError: if it is none.
    :raises OSError: if it is gone, or cannot be opened now.
    """
    try:
        # Without O_NONBLOCK a named pipe would be waited for.
        descriptor = os.open(name, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise
        raise EntryError("it is a link, a folder or a socket") from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
        return descriptor
    os.close(descriptor)
    raise EntryError("it is no regular file that only this user may write")


def read(descriptor: int, name: str) -> Entry:
    """The entry in a file of that name.

    :raises EntryError: if it is none.
    :raises OSError: if it cannot be read now.
    """
    parts, size = [], 0
    while size <= LIMIT:
        part = os.read(descriptor, 1_000_000)
        if not part:
            break
        parts.append(part)
        size += len(part)
    entry = decode(b"".join(parts))
    if f"{entry.id}.json" != name:
        raise EntryError("its name is that of another batch")
    return entry


def lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether nobody works on it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def claim(work_dir: str, entry: Entry) -> Held | None:
    """Lock a batch that was found, None if somebody works on it, or it is not there any more, or has changed.

    :raises OSError: if the folder or the file cannot be used.
    """
    name = f"{entry.id}.json"
    with contextlib.suppress(FileNotFoundError, EntryError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        descriptor = _open_to_work(above, name)
        try:
            if _lock_soon(descriptor) and _same(descriptor, os.stat(name, dir_fd=above, follow_symlinks=False)):
                return Held(work_dir, read(descriptor, name), os.dup(descriptor))
        finally:
            os.close(descriptor)
    return None


def _open_to_work(above: int, name: str) -> int:
    """Some network file systems lock for one alone only what may be written."""
    try:
        return open_file(above, name, os.O_RDWR)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        return open_file(above, name)


def _lock_soon(descriptor: int) -> bool:
    """The same, if somebody only looks at it now."""
    deadline = time.monotonic() + _LOOK
    while not (locked := lock(descriptor)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return locked


def _same(descriptor: int, other: os.stat_result) -> bool:
    return os.path.samestat(os.fstat(descriptor), other)
