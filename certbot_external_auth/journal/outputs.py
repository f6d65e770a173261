"""What the handler printed when it published, on disk as it arrives: a file for each challenge, beside the journal.

The cleanup of some hooks is nothing without it, and the run may be killed at any moment. The folder is another than
the journal's, which earlier versions tidy up. Nothing is synced: what a power cut takes counts as never printed.
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
KEPT = 2 * MAX_STRING_BYTES
"""Bytes of the end of an output that are kept at least: more than one variable holds."""
LONGEST = 2 * KEPT
"""Bytes of a file, at which it is cut."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(rf"({ID.pattern})\.{_CHALLENGE.pattern}")
_APPENDING = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def path(work_dir: str, batch: str, challenge: str) -> str:
    """Where it is."""
    return os.path.join(own_folder.path(work_dir, FOLDER), f"{batch}.{challenge}")


def append(work_dir: str, batch: str, challenge: str, data: bytes) -> None:
    """Add what has just been printed; of very much the end stays.

    :raises OSError: if it cannot be written.
    """
    if not _CHALLENGE.fullmatch(challenge):
        return
    with own_folder.opened(work_dir, FOLDER, create=True) as above:
        name = f"{batch}.{challenge}"
        descriptor = os.open(name, _APPENDING, 0o600, dir_fd=above)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(data) > LONGEST:
                end = os.pread(descriptor, KEPT, max(0, size - KEPT)) + data
                os.close(own_folder.put(above, name, end[-KEPT:]))
                return
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)


def read(work_dir: str, batch: str, challenge: str) -> bytes:
    """What was printed, or its end; nothing if that is not known.

    :raises OSError: if it is there and cannot be read.
    """
    if not _CHALLENGE.fullmatch(challenge):
        return b""
    with contextlib.suppress(FileNotFoundError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(f"{batch}.{challenge}", flags, dir_fd=above)
        try:
            size = os.fstat(descriptor).st_size
            return os.pread(descriptor, LONGEST, max(0, size - LONGEST))
        finally:
            os.close(descriptor)
    return b""


def forget(work_dir: str, batch: str) -> None:
    """Remove those of a batch, as far as that can be done."""
    _remove(work_dir, lambda found: found == batch)


def tidy(work_dir: str, journal: str) -> None:
    """Remove those of batches that the journal has no file of any more, under whatever name.

    :param journal: its folder. A batch's file is there before anything is printed for it, so it is looked for last.
    """
    _remove(work_dir, lambda found: not glob.glob(os.path.join(glob.escape(journal), f"{found}.*")))


def _remove(work_dir: str, which: Callable[[str], bool]) -> None:
    with contextlib.suppress(OSError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        for name in os.listdir(above):
            found = _FILE.fullmatch(name)
            if found is not None and which(found[1]):
                os.unlink(name, dir_fd=above)
