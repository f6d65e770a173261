"""Looking at all files of the journal: what was left, what somebody works on, and what is none of ours."""

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
ASIDE_LIMIT = 10
"""Files set aside that are kept; older ones make room."""
_FILE = re.compile(f"({ID.pattern})\\.json")


@dataclass
class Contents:
    """What lies in the folder.

    :ivar left: what nobody works on. :ivar running: what somebody does.
    :ivar aside: names of files set aside, with the reason where that happened now; and of those that are not read, and
        stay where they are, with the reason.
    """

    left: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)


def read_all(work_dir: str) -> Contents:
    """Look at every file, oldest batch first, and set aside what is none of ours and nobody works on.

    :raises OSError: if the folder cannot be used.
    """
    found = Contents()
    with contextlib.suppress(FileNotFoundError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        for name in sorted(os.listdir(above)):
            _look_at(above, name, found)
        _make_room(above, found)
    for entries in (found.left, found.running):
        entries.sort(key=lambda entry: entry.written)
    return found


def _look_at(above: int, name: str, found: Contents) -> None:
    if name.endswith(ASIDE):
        found.aside[name] = ""
    elif name.startswith(own_folder.PASSING):
        own_folder.sweep(above, name)
    elif not _FILE.fullmatch(name):
        _set_aside(above, name, "it is no file of the journal", found)
    else:
        try:
            descriptor = open_file(above, name)
            try:
                # Shared, so that two who only look do not take each other for a run.
                free = lock(descriptor, fcntl.LOCK_SH)
                (found.left if free else found.running).append(read(descriptor, name))
            finally:
                os.close(descriptor)
        except VersionError as error:
            found.aside[name] = str(error)
        except EntryError as error:
            _set_aside(above, name, str(error), found)
        except OSError as error:
            # Not now, but perhaps the next time.
            if not isinstance(error, FileNotFoundError):
                found.aside[name] = f"it cannot be looked at: {error.strerror}"


def _in_use(above: int, name: str) -> bool:
    """:raises OSError: if that cannot be found out."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
    except OSError as error:
        # A link, a socket: nobody works on it.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOENT):
            return False
        raise
    try:
        return not lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _set_aside(above: int, name: str, reason: str, found: Contents) -> None:
    aside = f"{name[:100]}{ASIDE}"
    try:
        if _in_use(above, name):
            found.aside[name] = f"{reason}, and somebody works on it"
            return
        os.rename(name, aside, src_dir_fd=above, dst_dir_fd=above)
    except OSError as error:
        found.aside[name] = f"{reason}, and it cannot be set aside: {error.strerror}"
    else:
        found.aside[aside] = reason


def _make_room(above: int, found: Contents) -> None:
    """Only so many are kept."""

    def age(name: str) -> float:
        return os.stat(name, dir_fd=above, follow_symlinks=False).st_mtime

    with contextlib.suppress(OSError):
        for name in sorted((name for name in found.aside if name.endswith(ASIDE)), key=age)[:-ASIDE_LIMIT]:
            os.unlink(name, dir_fd=above)
            del found.aside[name]
