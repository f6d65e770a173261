"""What was begun and not yet withdrawn, in memory and on disk; cleanup takes its work from here, never from Certbot.

A file for each batch lies in ``external-auth/journal`` below Certbot's work directory, from just before anything of
it is published until all of it is withdrawn. It is locked by the process that works on it, and a lock ends with its
process: a file that can be locked is what a run left behind. `docs/journal.md` describes the files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from certbot_external_auth import own_folder
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.journal_entry import ID, LIMIT, Entry, EntryError, decode, encode

FOLDER = "journal"
ASIDE = ".damaged"
ASIDE_LIMIT = 10
"""Files set aside that are kept; older ones make room."""
WAIT = 60.0
"""Seconds that a batch waits for another process that withdraws something of the same names."""
_FILE = re.compile(f"({ID.pattern})\\.json")
_TRIES = 3
_LOOK = 0.5
"""Seconds that somebody who only looks may keep a file."""

touched: set[str] = set()
"""Batches that this process wrote, tried to withdraw, or told somebody about."""


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
        try:
            return cls(work_dir, entry, _put(work_dir, entry))
        except OSError:
            # It may have its name already, and only be not surely on the disk.
            with contextlib.suppress(OSError):
                _unlink(work_dir, entry)
            raise

    def store(self, entry: Entry) -> None:
        """Replace what the file says; raises as `new`, and the file is as before then."""
        descriptor = _put(self._work_dir, entry)
        os.close(self._descriptor)
        self._descriptor, self.entry = descriptor, entry

    def remove(self) -> None:
        """Everything is withdrawn. The file is released in any case.

        :raises OSError: if it cannot be removed.
        """
        try:
            _unlink(self._work_dir, self.entry)
        finally:
            self.release()

    def release(self) -> None:
        """Leave it to a recovery."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _put(work_dir: str, entry: Entry) -> int:
    try:
        content = encode(entry)
    except EntryError as error:
        raise OSError(errno.EFBIG, str(error)) from None
    with own_folder.opened(work_dir, FOLDER, create=True) as above:
        for _ in range(_TRIES):
            # Somebody who looks may take it for a file whose writer is dead, just before it is locked.
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                return own_folder.put(above, f"{entry.id}.json", content, lock=True, sync=True)
        return own_folder.put(above, f"{entry.id}.json", content, lock=True, sync=True)


def _unlink(work_dir: str, entry: Entry) -> None:
    with contextlib.suppress(FileNotFoundError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        os.unlink(f"{entry.id}.json", dir_fd=above)


class Journal:
    """Of one run. Memory says which challenges of a batch were begun; the file holds all of them from the start.

    :param work_dir: Certbot's.
    """

    def __init__(self, work_dir: str) -> None:
        self._work_dir = work_dir
        self._begun: dict[str, Challenge] = {}
        self._held: Held | None = None

    def open(self, entry: Entry) -> None:
        """Note a batch on disk; MUST be called before anything of it is touched.

        :raises OSError: if it cannot be noted; nothing may be published then.
        """
        self.abandon()
        touched.add(entry.id)
        held = Held.new(self._work_dir, entry)
        try:
            wait_for_others(self._work_dir, entry)
        except BaseException:
            with contextlib.suppress(OSError):
                held.remove()
            raise
        self._held = held

    def begin(self, challenges: Iterable[Challenge]) -> None:
        """MUST be called before anything outside is touched for these challenges."""
        self._begun.update((challenge.id, challenge) for challenge in challenges)

    def begun(self) -> list[Challenge]:
        """In the order in which they were begun."""
        return list(self._begun.values())

    def close(self, reasons: Mapping[str, str]) -> None:
        """Cleanup was tried.

        :param reasons: why challenges are not withdrawn, by id; they stay in the file.
        :raises OSError: if the file cannot be changed.
        """
        held, self._held = self._held, None
        self._begun.clear()
        if held is None:
            return
        left = tuple(one for one in held.entry.challenges if one.id in reasons)
        if not left:
            held.remove()
            return
        try:
            held.store(dataclasses.replace(held.entry, challenges=left, reasons=dict(reasons)))
        finally:
            held.release()

    def abandon(self) -> None:
        """Cleanup did not come to its end: leave the file as it is to a recovery."""
        self._begun.clear()
        if self._held is not None:
            self._held.release()
            self._held = None


# --- what other runs left ---


@dataclass
class Found:
    """What lies in the folder.

    :ivar left: what nobody works on. :ivar running: what somebody does.
    :ivar aside: names of files set aside, with the reason where that happened now.
    """

    left: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)


def look(work_dir: str) -> Found:
    """Look at every file, oldest batch first, and set aside what is none of ours.

    :raises OSError: if the folder cannot be used.
    """
    found = Found()
    with contextlib.suppress(FileNotFoundError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        for name in sorted(os.listdir(above)):
            with contextlib.suppress(FileNotFoundError):
                _look_at(above, name, found)
        _make_room(above, found)
    for entries in (found.left, found.running):
        entries.sort(key=lambda entry: entry.written)
    return found


def _look_at(above: int, name: str, found: Found) -> None:
    if name.endswith(ASIDE):
        found.aside[name] = ""
    elif name.startswith(own_folder.PASSING):
        _sweep(above, name)
    elif not _FILE.fullmatch(name):
        _set_aside(above, name, "it is no file of the journal", found)
    else:
        try:
            descriptor = _open(above, name)
            try:
                # Shared, so that two who only look do not take each other for a run.
                free = _lock(descriptor, fcntl.LOCK_SH)
                (found.left if free else found.running).append(_read(descriptor, name))
            finally:
                os.close(descriptor)
        except EntryError as error:
            _set_aside(above, name, str(error), found)


def _open(above: int, name: str) -> int:
    try:
        # Without O_NONBLOCK a named pipe would be waited for.
        descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EntryError(f"it cannot be opened: {error.strerror}") from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
        return descriptor
    os.close(descriptor)
    raise EntryError("it is no regular file that only this user may write")


def _read(descriptor: int, name: str) -> Entry:
    parts, size = [], 0
    while size <= LIMIT:
        try:
            part = os.read(descriptor, 1_000_000)
        except OSError as error:
            raise EntryError(f"it cannot be read: {error.strerror}") from None
        if not part:
            break
        parts.append(part)
        size += len(part)
    entry = decode(b"".join(parts))
    if f"{entry.id}.json" != name:
        raise EntryError("its name is that of another batch")
    return entry


def _lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether nobody works on it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sweep(above: int, name: str) -> None:
    """A file that was never whole: nothing was published because of it."""
    with contextlib.suppress(EntryError, OSError):
        descriptor = _open(above, name)
        try:
            if _lock(descriptor):
                os.unlink(name, dir_fd=above)
        finally:
            os.close(descriptor)


def _set_aside(above: int, name: str, reason: str, found: Found) -> None:
    aside = f"{name[:100]}{ASIDE}"
    try:
        os.rename(name, aside, src_dir_fd=above, dst_dir_fd=above)
    except OSError as error:
        found.aside[name] = f"{reason}, and it cannot be set aside: {error.strerror}"
    else:
        found.aside[aside] = reason


def _make_room(above: int, found: Found) -> None:
    """Only so many are kept."""

    def age(name: str) -> float:
        return os.stat(name, dir_fd=above, follow_symlinks=False).st_mtime

    with contextlib.suppress(OSError):
        for name in sorted((name for name in found.aside if name.endswith(ASIDE)), key=age)[:-ASIDE_LIMIT]:
            os.unlink(name, dir_fd=above)
            del found.aside[name]


def claim(work_dir: str, entry: Entry) -> Held | None:
    """Lock a batch that was found, None if somebody works on it, or it is not there any more, or has changed.

    :raises OSError: if the folder cannot be used.
    """
    name = f"{entry.id}.json"
    with contextlib.suppress(FileNotFoundError, EntryError), own_folder.opened(work_dir, FOLDER, create=False) as above:
        descriptor = _open(above, name)
        try:
            if _lock_soon(descriptor) and _same(descriptor, os.stat(name, dir_fd=above, follow_symlinks=False)):
                return Held(work_dir, _read(descriptor, name), os.dup(descriptor))
        finally:
            os.close(descriptor)
    return None


def _lock_soon(descriptor: int) -> bool:
    """The same, if somebody only looks at it now."""
    deadline = time.monotonic() + _LOOK
    while not (locked := _lock(descriptor)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return locked


def _same(descriptor: int, other: os.stat_result) -> bool:
    return os.path.samestat(os.fstat(descriptor), other)


def wait_for_others(work_dir: str, entry: Entry, limit: float = WAIT) -> None:
    """Wait while somebody else works on a batch with one of the same names, but no longer than `limit` seconds.

    Certbot's lock keeps other runs out, so that is somebody who withdraws what an earlier run left.

    :raises OSError: if the folder cannot be used.
    """
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        others = [one for one in look(work_dir).running if one.id != entry.id]
        if not any(one.identifiers & entry.identifiers for one in others):
            return
        time.sleep(0.05)
