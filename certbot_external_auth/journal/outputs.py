"""Writes to disk what the handler prints when it publishes, as it arrives: one file for each challenge.

Some hooks cannot clean up without this output, and the run may be killed at any moment. The files have a folder of
their own, because earlier versions remove unknown files from the journal's. They are not synced. A second, empty file
says that the call has succeeded: without it, the output may be incomplete.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable

from certbot_external_auth.files import own_folder
from certbot_external_auth.journal.entry import ID
from certbot_external_auth.processes.exec_limits import MAX_STRING_BYTES

FOLDER = "outputs"
MIN_KEPT_BYTES = 2 * MAX_STRING_BYTES
"""At least so much of the end of an output is kept. It is more than one variable can hold."""
MAX_FILE_BYTES = 2 * MIN_KEPT_BYTES
"""A file that would become larger is cut to `MIN_KEPT_BYTES`."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ENDED = ".ended"
"""The end of the name of the empty file that says that the call has succeeded."""
_FILE = re.compile(rf"({ID.pattern})\.{_CHALLENGE.pattern}({re.escape(_ENDED)})?")
_APPENDING = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def path(work_dir: str, batch: str, challenge: str) -> str:
    """Return the path of a challenge's file."""
    return os.path.join(own_folder.path(work_dir, FOLDER), f"{batch}.{challenge}")


def append(work_dir: str, batch: str, challenge: str, data: bytes) -> None:
    """Add what the handler has just printed. Only the end of a long output is kept.

    :raises OSError: if it cannot be written.
    """
    if not _CHALLENGE.fullmatch(challenge):
        return
    with own_folder.opened(work_dir, FOLDER, create=True) as above:
        name = f"{batch}.{challenge}"
        descriptor = os.open(name, _APPENDING, 0o600, dir_fd=above)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(data) > MAX_FILE_BYTES:
                end = os.pread(descriptor, MIN_KEPT_BYTES, max(0, size - MIN_KEPT_BYTES)) + data
                os.close(own_folder.put(above, name, end[-MIN_KEPT_BYTES:]))
                return
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)


def descriptor(work_dir: str, batch: str, challenge: str) -> int:
    """Open a challenge's file for a program that writes to it itself.

    :raises OSError: if it cannot be opened.
    """
    if not _CHALLENGE.fullmatch(challenge):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), challenge)
    with own_folder.opened(work_dir, FOLDER, create=True) as above:
        return os.open(f"{batch}.{challenge}", _APPENDING, 0o600, dir_fd=above)


def end(work_dir: str, batch: str, challenge: str) -> None:
    """Note that the call has succeeded, so that the file has its whole output, or the end of it.

    :raises OSError: if it cannot be written.
    """
    if _CHALLENGE.fullmatch(challenge):
        with own_folder.opened(work_dir, FOLDER, create=True) as above:
            os.close(os.open(f"{batch}.{challenge}{_ENDED}", _APPENDING, 0o600, dir_fd=above))


def read(work_dir: str, batch: str, challenge: str) -> tuple[bytes, bool]:
    """Return what the handler printed, or the end of it, and whether its call succeeded.

    :raises OSError: if the file exists and cannot be read, or another user can have written it.
    """
    if not _CHALLENGE.fullmatch(challenge):
        return b"", False
    with contextlib.suppress(FileNotFoundError), own_folder.looked_into(work_dir, FOLDER) as above:
        name, printed, ended = f"{batch}.{challenge}", b"", False
        # A call may succeed without printing anything.
        with contextlib.suppress(FileNotFoundError):
            printed = own_folder.read(above, name, MAX_FILE_BYTES, end=True)
        with contextlib.suppress(FileNotFoundError):
            os.close(own_folder.file(above, name + _ENDED))
            ended = True
        return printed, ended
    return b"", False


def forget(work_dir: str, batch: str) -> None:
    """Remove the files of a batch, as far as possible."""
    with contextlib.suppress(OSError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        _remove(above, [name for name, found in _files(above) if found == batch])


def tidy(work_dir: str, journal: str) -> None:
    """Remove the files of batches that have no file in the journal any more, not even a damaged one.

    If the journal cannot be listed, nothing is removed. The journal is listed last, because a batch has its file there
    before a handler prints anything for it.

    :param journal: the name of the journal's folder.
    """
    with contextlib.suppress(OSError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        files, known = _files(above), set[str]()
        with contextlib.suppress(FileNotFoundError), own_folder.looked_into(work_dir, journal) as folder:
            known = {name.partition(".")[0] for name in os.listdir(folder)}
        _remove(above, [name for name, found in files if found not in known])


def _files(above: int) -> list[tuple[str, str]]:
    """Return the names of all files, with the ids of their batches."""
    return [(name, found[1]) for name in os.listdir(above) if (found := _FILE.fullmatch(name))]


def _remove(above: int, names: Iterable[str]) -> None:
    for name in names:
        os.unlink(name, dir_fd=above)
