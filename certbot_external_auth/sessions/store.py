"""Sessions on disk: one folder each below ``external-auth/sessions`` in Certbot's work directory, for this user alone.

Who is alive is told by a lock that the Certbot of a session holds until it ends, however it ends; no process number
has to be believed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import itertools
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator

from certbot_external_auth import family, own_folder
from certbot_external_auth.errors import UsageError
from certbot_external_auth.sessions import FOLDER, Session, notes, socket_place

POINTER = ".external-auth-session"
"""Name of the file in Certbot's configuration directory that names the session begun last."""
KEPT = 24 * 3600.0
"""Seconds for which the record of a session that has ended is kept, for a `finish` that is run again."""
_ID = re.compile(r"[0-9a-f]{12}")
_NEW = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_LIMIT = 50_000_000


class UnknownSessionError(UsageError):
    """No session of that name is on record here."""


def root(work_dir: str) -> str:
    """Where the sessions of a work directory are."""
    return own_folder.path(os.path.abspath(work_dir), FOLDER)


def new(work_dir: str, session: Session) -> Session:
    """Put a session on record; its id, folder and socket are chosen here.

    :raises OSError: if it cannot be written, or the folder is somebody else's.
    :raises UsageError: if there is no place for its socket.
    """
    identifier = secrets.token_hex(6)
    folder = os.path.join(root(work_dir), identifier)
    with own_folder.opened(work_dir, FOLDER, identifier, create=True) as descriptor:
        try:
            socket = socket_place.chosen(folder, identifier)
            made = dataclasses.replace(session, id=identifier, folder=folder, socket=socket)
            content = json.dumps({"version": 1, **dataclasses.asdict(made)}, indent=1).encode()
            os.close(own_folder.put(descriptor, "session.json", content))
        except UsageError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    _point(made)
    return made


def find(work_dir: str, identifier: str) -> Session:
    """The session of that name.

    :raises UnknownSessionError: if there is none.
    :raises UsageError: if this user may not look.
    """
    unknown = UnknownSessionError(
        [
            f"No session {identifier!r} is on record in {work_dir}; see certbot-external-auth status, and give "
            "--work-dir if Certbot was given one."
        ]
    )
    if not _ID.fullmatch(identifier):
        raise unknown
    folder = os.path.join(root(work_dir), identifier)
    try:
        if os.stat(folder).st_uid != os.geteuid():
            raise unknown
        with open(os.path.join(folder, "session.json"), encoding="utf-8") as file:
            found = json.loads(file.read(_LIMIT))
        if found.pop("version") != 1:
            raise unknown
        return Session(**{**found, "folder": folder, "names": tuple(found["names"])})
    except PermissionError as error:
        raise _unreadable(work_dir, error) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise unknown from None


def open_session(config_dir: str, work_dir: str) -> Session | None:
    """The session that uses one of these directories now; Certbot locks each by itself."""
    found = [one for one in every(work_dir) if alive(one)]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, UsageError):
        with open(os.path.join(config_dir, POINTER), encoding="utf-8") as file:
            named = json.loads(file.read(10_000))
        one = find(str(named["work_dir"]), str(named["session"]))
        if os.path.realpath(one.config_dir) == os.path.realpath(config_dir) and alive(one):
            found.append(one)
    return next(iter(found), None)


def _point(session: Session) -> None:
    """Say in the configuration directory which session uses it; where that cannot be, Certbot's lock is still there."""
    content = json.dumps({"session": session.id, "work_dir": session.work_dir}).encode()
    with contextlib.suppress(OSError):
        # Certbot makes it with this mode.
        os.makedirs(session.config_dir, mode=0o755, exist_ok=True)
        folder = os.open(session.config_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.close(own_folder.put(folder, POINTER, content))
        finally:
            os.close(folder)


def every(work_dir: str) -> list[Session]:
    """All sessions on record, oldest first.

    :raises UsageError: if this user may not look.
    """
    found = []
    for name in _folders(work_dir):
        with contextlib.suppress(UsageError):
            found.append(find(work_dir, name))
    return sorted(found, key=lambda session: session.started)


def _folders(work_dir: str) -> list[str]:
    try:
        return [name for name in os.listdir(root(work_dir)) if _ID.fullmatch(name)]
    except PermissionError as error:
        raise _unreadable(work_dir, error) from None
    except OSError:
        return []


def _unreadable(work_dir: str, error: OSError) -> UsageError:
    return UsageError([f"The sessions in {root(work_dir)} cannot be read: {error.strerror}."])


def forget_old(work_dir: str, now: float) -> None:
    """Remove the records of sessions that ended long ago, also those that a power cut has left unreadable.

    :param now: Unix seconds.
    """
    for name in _folders(work_dir):
        folder = os.path.join(root(work_dir), name)
        path = os.path.join(folder, "lines")
        with contextlib.suppress(OSError):
            last = os.stat(path if os.path.exists(path) else folder).st_mtime
            if not _locked(folder) and now - last > KEPT:
                with contextlib.suppress(UsageError):
                    socket_place.remove(find(work_dir, name).socket)
                shutil.rmtree(folder, ignore_errors=True)


def lines(session: Session) -> list[dict[str, object]]:
    """What its Certbot has said so far; a line cut off by its death is left out."""
    try:
        with open(os.path.join(session.folder, "lines"), "rb") as file:
            whole = file.read(_LIMIT).split(b"\n")[:-1]
    except OSError:
        return []
    found = []
    for line in whole:
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                found.append(value)
    return found


def note_process(session: Session, pid: int) -> None:
    """Put the shell above its Certbot on record.

    :raises OSError: if it cannot be written.
    """
    member = family.member(pid)
    if member is not None:
        notes.put(session, notes.PROCESS, {"pid": pid, "started": member.started})


def process(session: Session) -> family.Member | None:
    """Its Certbot's process, None if it has ended."""
    table, shell = family.look(), None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        with open(os.path.join(session.folder, notes.PROCESS), "rb") as file:
            noted = json.loads(file.read(1000))
        found = table.get(int(noted["pid"]))
        shell = found.pid if found is not None and found.started == noted["started"] else None
    # Where the shell above was killed, it is who holds the lock.
    lock = os.path.realpath(os.path.join(session.folder, "lock"))
    below = (one for one in table.values() if shell is not None and one.parent == shell)
    holding = (one for pid, one in table.items() if pid != shell and _holds(pid, lock))
    return next(itertools.chain(below, holding), None)


def _holds(pid: int, path: str) -> bool:
    """Whether a process has a file open, and locked as `lock` does it; who only looks locks it otherwise (proc(5))."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{number}") == path:
                with open(f"/proc/{pid}/fdinfo/{number}", encoding="utf-8") as file:
                    return "FLOCK  ADVISORY  WRITE" in file.read()
    return False


def output(session: Session) -> str:
    """The end of what Certbot printed."""
    try:
        with open(os.path.join(session.folder, "output"), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            return file.read(4096).decode("utf-8", "replace")
    except OSError:
        return ""


# --- locks ---


def locks(session: Session) -> list[int]:
    """Descriptors for its Certbot to inherit, which say for as long as it runs that it does.

    :raises OSError: if one cannot be made.
    """
    beside = socket_place.lock(session.socket)
    return [lock(session)] if beside is None else [lock(session), beside]


def lock(session: Session) -> int:
    """A descriptor that holds the session's lock, for its Certbot to inherit."""
    descriptor = os.open(os.path.join(session.folder, "lock"), _NEW, 0o600)
    # Somebody who only looks holds it for a moment.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def alive(session: Session) -> bool:
    """Whether its Certbot runs."""
    return _locked(session.folder)


def _locked(folder: str) -> bool:
    try:
        descriptor = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two who look do not take each other for its Certbot.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def beginning(work_dir: str) -> Iterator[None]:
    """Held while one `begin` looks whether another session is open.

    :raises OSError: if the folder cannot be made, or is somebody else's.
    """
    with own_folder.opened(work_dir, FOLDER, create=True) as above:
        descriptor = os.open(".beginning", _NEW, 0o600, dir_fd=above)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def wait_for_end(session: Session, seconds: float) -> bool:
    """Whether its Certbot has ended within that time."""
    deadline = time.monotonic() + seconds
    while alive(session):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True
