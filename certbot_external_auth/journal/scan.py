"""Reads all files of the journal: batches that were left, batches that a process works on, and unknown files."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from dataclasses import dataclass, field

from certbot_external_auth.files import own_folder
from certbot_external_auth.journal.entry import ID, Entry, EntryError, VersionError
from certbot_external_auth.journal.files import FOLDER, lock, open_file, read

ASIDE = ".damaged"
MAX_FILES_ASIDE = 10
"""How many files that were set aside are kept; older ones are removed."""
_FILE = re.compile(f"({ID.pattern})\\.json")


@dataclass
class Contents:
    """The files in the folder.

    :ivar left: batches that no process works on.
    :ivar running: batches that a process works on.
    :ivar aside: names of files that are not read, with the reasons. The reason is empty if the file was set aside
        before.
    """

    left: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)


def read_all(work_dir: str, *, changing: bool = True) -> Contents:
    """Read every file, and set aside those that are not the journal's and that no process works on.

    :param changing: False only looks: nothing is set aside, removed, or given another mode.
    :returns: the batches, oldest first.
    :raises OSError: if the folder cannot be used.
    """
    contents = Contents()
    opened = own_folder.opened(work_dir, FOLDER, create=False) if changing else own_folder.looked_into(work_dir, FOLDER)
    with contextlib.suppress(FileNotFoundError), opened as above:
        for name in sorted(os.listdir(above)):
            _read_file(above, name, contents, changing)
        if changing:
            _make_room(above, contents)
    for entries in (contents.left, contents.running):
        entries.sort(key=lambda entry: entry.written)
    return contents


def _read_file(above: int, name: str, contents: Contents, changing: bool) -> None:
    if name.endswith(ASIDE):
        contents.aside[name] = ""
    elif name.startswith(own_folder.PASSING):
        if changing:
            own_folder.sweep(above, name)
    elif not _FILE.fullmatch(name):
        _set_aside(above, name, "it is not a file of the journal", contents, changing)
    else:
        try:
            descriptor = open_file(above, name)
            try:
                # Shared, so that two processes that only read do not take each other for a run.
                free = lock(descriptor, fcntl.LOCK_SH)
                (contents.left if free else contents.running).append(read(descriptor, name))
            finally:
                os.close(descriptor)
        except VersionError as error:
            contents.aside[name] = str(error)
        except EntryError as error:
            _set_aside(above, name, str(error), contents, changing)
        except OSError as error:
            # It may be readable the next time, so it stays where it is.
            if not isinstance(error, FileNotFoundError):
                contents.aside[name] = f"it cannot be read: {error.strerror}"


def _in_use(above: int, name: str) -> bool:
    """Tell whether a process works on a file. :raises OSError: if that cannot be found out."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
    except OSError as error:
        # No process works on a link or a socket.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOENT):
            return False
        raise
    try:
        return not lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _set_aside(above: int, name: str, reason: str, contents: Contents, changing: bool) -> None:
    aside = f"{name[:100]}{ASIDE}"
    if not changing:
        contents.aside[name] = reason
        return
    try:
        if _in_use(above, name):
            contents.aside[name] = f"{reason}, and a process works on it"
            return
        os.rename(name, aside, src_dir_fd=above, dst_dir_fd=above)
    except OSError as error:
        contents.aside[name] = f"{reason}, and it cannot be set aside: {error.strerror}"
    else:
        contents.aside[aside] = reason


def _make_room(above: int, contents: Contents) -> None:
    """Remove the oldest files that were set aside."""

    def age(name: str) -> float:
        return os.stat(name, dir_fd=above, follow_symlinks=False).st_mtime

    with contextlib.suppress(OSError):
        for name in sorted((name for name in contents.aside if name.endswith(ASIDE)), key=age)[:-MAX_FILES_ASIDE]:
            os.unlink(name, dir_fd=above)
            del contents.aside[name]
