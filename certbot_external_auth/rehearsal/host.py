"""What every renewal of a host needs: disk, journal, and Certbot's lock."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator

from certbot_external_auth import journal
from certbot_external_auth.rehearsal.findings import Finding, Kind
from certbot_external_auth.rehearsal.subject import Host

LEAST_BYTES = 1_000_000
"""Free space that a renewal may need: certificates, key and journal take a few kilobytes, and Certbot's log more."""
LEAST_FILES = 20
LOCK_FILE = ".certbot.lock"
_FLOCK = "hhqqi"
"""struct flock of fcntl(2): type, whence, start, length, process id."""


def findings(host: Host) -> Iterator[Finding]:
    """Look at the folders, and yield what is wrong."""
    for folder in (host.config_dir, host.work_dir):
        text = _disk(folder)
        if text:
            yield Finding(Kind.DISK, {"path": folder, "text": text})
    yield from _of_journal(host)
    if busy(host):
        yield Finding(Kind.LOCKED, {"path": host.config_dir})


def _disk(folder: str) -> str:
    """Return why nothing can be written into a folder; empty if it can."""
    try:
        space = os.statvfs(folder)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    if space.f_flag & os.ST_RDONLY:
        return "its file system is mounted read-only"
    if space.f_bavail * space.f_frsize < LEAST_BYTES:
        return f"only {space.f_bavail * space.f_frsize // 1000} kB are free"
    # File systems without a table of inodes report none at all.
    if space.f_files and space.f_favail < LEAST_FILES:
        return f"only {space.f_favail} more files can be made (inodes)"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "this user may not write there"


def _of_journal(host: Host) -> Iterator[Finding]:
    try:
        contents = journal.read_all(host.work_dir, changing=False)
    except OSError as error:
        text = error.strerror or str(error)
        yield Finding(Kind.JOURNAL, {"path": journal.folder(host.work_dir), "text": text})
        return
    names = sorted({name for entry in contents.left for name in entry.identifiers})
    if names:
        yield Finding(Kind.LEFTOVER, {"names": ", ".join(names), "work_dir": host.work_dir})


def busy(host: Host) -> bool:
    """Tell whether a Certbot works in one of the folders now."""
    return locked(host.config_dir) or locked(host.work_dir)


def locked(folder: str) -> bool:
    """Tell whether a Certbot works in a folder now. False if that cannot be known."""
    try:
        descriptor = os.open(os.path.join(folder, LOCK_FILE), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        # Only asks. A Certbot that starts while a test holds the lock would give up.
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
