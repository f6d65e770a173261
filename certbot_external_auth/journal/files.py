"""The journal's files. Each is written whole, and locked by the process that works on it. No file is trusted."""

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
from certbot_external_auth.journal.entry import MAX_ENTRY_BYTES, Entry, EntryError, decode, encode

FOLDER = "journal"
_READER_SECONDS = 0.5
"""How long a process that only reads may keep a file locked."""
_PART_BYTES = 1_000_000


def folder(work_dir: str) -> str:
    """Return the folder of the journal."""
    return own_folder.path(work_dir, FOLDER)


def file_path(work_dir: str, entry: Entry) -> str:
    """Return the path of a batch's file."""
    return os.path.join(folder(work_dir), f"{entry.id}.json")


def new_id() -> str:
    """Make an id for a new batch."""
    return secrets.token_hex(16)


class Held:
    """A batch's file, locked by this process until it is removed or released."""

    def __init__(self, work_dir: str, entry: Entry, descriptor: int) -> None:
        self._work_dir = work_dir
        self._descriptor = descriptor
        self.entry = entry

    @classmethod
    def new(cls, work_dir: str, entry: Entry) -> Held:
        """Write a batch's file; it is safely on the disk when this returns.

        :raises OSError: if it cannot be written; no file is left then.
        """
        held = cls(work_dir, entry, -1)
        try:
            held.store(entry)
        except BaseException:
            # The file may have its name already, and only the sync has failed.
            with contextlib.suppress(OSError):
                _unlink(work_dir, entry)
            held.release()
            raise
        return held

    def store(self, entry: Entry) -> None:
        """Replace the content of the file, which stays locked even if that fails.

        :raises OSError: if the file is unchanged, or may not be safely on the disk.
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
        """Remove the file once all of the batch is withdrawn. It is unlocked in any case.

        :raises OSError: if it cannot be removed.
        """
        try:
            _unlink(self._work_dir, self.entry)
            outputs.forget(self._work_dir, self.entry.id)
        finally:
            self.release()

    def release(self) -> None:
        """Unlock the file, so that a recovery can take it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _unlink(work_dir: str, entry: Entry) -> None:
    with contextlib.suppress(FileNotFoundError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        os.unlink(f"{entry.id}.json", dir_fd=above)


def open_file(above: int, name: str, access: int = os.O_RDONLY) -> int:
    """Open a file that only this user may write.

    :param above: a descriptor of the folder.
    :param access: how to open it. Reading must also work on a read-only file system.
    :raises EntryError: if it is not a regular file, or other users may write it.
    :raises OSError: if it is gone, or cannot be opened now.
    """
    try:
        # Without O_NONBLOCK, open(2) waits for the other end of a named pipe.
        descriptor = os.open(name, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise
        raise EntryError("it is a link, a folder or a socket") from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
        return descriptor
    os.close(descriptor)
    raise EntryError("it is not a regular file that only this user may write")


def read(descriptor: int, name: str) -> Entry:
    """Read the entry in a file of this name.

    :raises EntryError: if it does not contain a valid entry.
    :raises OSError: if it cannot be read now.
    """
    parts, size = [], 0
    while size <= MAX_ENTRY_BYTES:
        part = os.read(descriptor, _PART_BYTES)
        if not part:
            break
        parts.append(part)
        size += len(part)
    entry = decode(b"".join(parts))
    if f"{entry.id}.json" != name:
        raise EntryError("its name is that of another batch")
    return entry


def lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Try to lock a file; return whether it is locked now."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def claim(work_dir: str, entry: Entry) -> Held | None:
    """Lock the file of a batch; None if another process works on it, or it is gone or has changed.

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
    """Open a file to lock it. On some network file systems an exclusive lock needs write access."""
    try:
        return open_file(above, name, os.O_RDWR)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        return open_file(above, name)


def _lock_soon(descriptor: int) -> bool:
    """Try to lock a file, and wait for a process that only reads it."""
    deadline = time.monotonic() + _READER_SECONDS
    while not (locked := lock(descriptor)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return locked


def _same(descriptor: int, other: os.stat_result) -> bool:
    return os.path.samestat(os.fstat(descriptor), other)
