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
    yield from _of_disks(host)
    yield from _of_journal(host)
    if busy(host):
        yield Finding(Kind.LOCKED, {"path": host.config_dir})


def _of_disks(host: Host) -> Iterator[Finding]:
    """Yield a finding for each option of Certbot's whose folder it could not write."""
    # A part of the configuration directory can be a mount of its own.
    parts = [os.path.join(host.config_dir, part) for part in ("", "archive", "live", "renewal", "accounts")]
    places = {"config-dir": parts, "work-dir": [host.work_dir], "logs-dir": [host.logs_dir] if host.logs_dir else []}
    for option, folders in places.items():
        # What concerns the whole folder concerns all parts.
        for folder, text in ((folder.rstrip("/"), _disk(folder)) for folder in folders):
            if text:
                yield Finding(Kind.DISK, {"path": folder, "flag": f"--{option}", "text": text})
                break


def _disk(folder: str) -> str:
    """Return why nothing can be written into a folder, and what to do; empty if it can be written, or made."""
    place = folder
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    try:
        space = os.statvfs(place)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if not os.path.isdir(place):
        return f"{place} is not a directory; move it away"
    if space.f_flag & os.ST_RDONLY:
        return "its file system is mounted read-only; mount it for writing"
    # Only root may use the last blocks.
    free = (space.f_bfree if os.geteuid() == 0 else space.f_bavail) * space.f_frsize
    if free < LEAST_BYTES:
        return f"only {free // 1000} kB are free; make room"
    # File systems without a table of inodes report none at all.
    if space.f_files and space.f_favail < LEAST_FILES:
        return f"only {space.f_favail} more files can be made there (inodes); remove some"
    return "" if os.access(place, os.W_OK | os.X_OK) else "this user may not; run this as the user who runs Certbot"


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
