"""What the handler printed when it published, written to disk as it arrives: one file for each challenge.

Some hooks cannot clean up without it, and the run may be killed at any moment. The folder is not the journal's, because
earlier versions remove unknown files there. Nothing is synced: output that a power cut destroys counts as not printed.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Callable

from certbot_external_auth.files import own_folder
from certbot_external_auth.journal.entry import ID
from certbot_external_auth.processes.exec_limits import MAX_STRING_BYTES

FOLDER = "outputs"
MIN_KEPT_BYTES = 2 * MAX_STRING_BYTES
"""How much of the end of an output is kept at least: more than one variable can have."""
MAX_FILE_BYTES = 2 * MIN_KEPT_BYTES
"""The size at which a file is cut to that."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(rf"({ID.pattern})\.{_CHALLENGE.pattern}")
_APPENDING = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def path(work_dir: str, batch: str, challenge: str) -> str:
    """Return the path of a challenge's file."""
    return os.path.join(own_folder.path(work_dir, FOLDER), f"{batch}.{challenge}")


def append(work_dir: str, batch: str, challenge: str, data: bytes) -> None:
    """Add what the handler has just printed; of a long output only the end is kept.

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


def read(work_dir: str, batch: str, challenge: str) -> bytes:
    """Read what the handler printed, or the end of it; empty if there is no file.

    :raises OSError: if the file is there and cannot be read.
    """
    if not _CHALLENGE.fullmatch(challenge):
        return b""
    with contextlib.suppress(FileNotFoundError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(f"{batch}.{challenge}", flags, dir_fd=above)
        try:
            size = os.fstat(descriptor).st_size
            return os.pread(descriptor, MAX_FILE_BYTES, max(0, size - MAX_FILE_BYTES))
        finally:
            os.close(descriptor)
    return b""


def forget(work_dir: str, batch: str) -> None:
    """Remove the files of a batch, as far as possible."""
    _remove(work_dir, lambda other: other == batch)


def tidy(work_dir: str, journal: str) -> None:
    """Remove the files of batches that have no file in the journal any more, not even a damaged one.

    :param journal: the folder of the journal. It is read last: a batch has its file before the handler prints anything.
    """
    _remove(work_dir, lambda batch: not glob.glob(os.path.join(glob.escape(journal), f"{batch}.*")))


def _remove(work_dir: str, which: Callable[[str], bool]) -> None:
    with contextlib.suppress(OSError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        for name in os.listdir(above):
            match = _FILE.fullmatch(name)
            if match is not None and which(match[1]):
                os.unlink(name, dir_fd=above)
