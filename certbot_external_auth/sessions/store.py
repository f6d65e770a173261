"""Sessions on disk: one folder each below ``external-auth/sessions`` in Certbot's work directory, for this user alone.

Who is alive is told by a lock that the Certbot of a session holds until it ends, however it ends; no process number
has to be believed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Iterator

from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import own_folder, spare_room
from certbot_external_auth.sessions import FOLDER, Session, record, socket_place

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


def new(work_dir: str, session: Session) -> tuple[Session, list[int]]:
    """Put a session on record, locked; its id, folder and socket are chosen here.

    :returns: the session, and the descriptors that hold its locks, for its Certbot to inherit. The caller closes them.
    :raises OSError: if the record cannot be written, or the folder belongs to another user.
    :raises UsageError: if there is no place for the socket.
    """
    identifier = secrets.token_hex(6)
    folder = os.path.join(root(work_dir), identifier)
    with own_folder.opened(work_dir, FOLDER, create=True) as sessions_folder:
        try:
            recorded, locks = _recorded(work_dir, dataclasses.replace(session, id=identifier, folder=folder))
        except BaseException:
            own_folder.remove(sessions_folder, identifier)
            raise
    _point(recorded)
    return recorded, locks


def _recorded(work_dir: str, session: Session) -> tuple[Session, list[int]]:
    with own_folder.opened(work_dir, FOLDER, session.id, create=True) as folder, contextlib.ExitStack() as on_failure:
        recorded = dataclasses.replace(session, socket=socket_place.chosen(session.folder, session.id))
        spare_room.reserve(folder)
        # Before the record has its name: a `status` that found it unlocked would note the end of a session that begins.
        locks = [lock for lock in (_lock(folder), socket_place.lock(recorded.socket)) if lock is not None]
        for lock in locks:
            on_failure.callback(os.close, lock)
        content = json.dumps({"version": 1, **dataclasses.asdict(recorded)}, indent=1).encode()
        os.close(own_folder.put(folder, "session.json", content))
        on_failure.pop_all()
    return recorded, locks


def _lock(folder: int) -> int:
    """Lock a session's folder. :param folder: a descriptor of it. :returns: the descriptor that holds the lock."""
    descriptor = os.open(record.LOCK, _NEW, 0o600, dir_fd=folder)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def find(work_dir: str, identifier: str) -> Session:
    """The session of that name.

    :raises UnknownSessionError: if there is none.
    :raises UsageError: if this user may not look, or that cannot be done.
    """
    unknown = UnknownSessionError(
        [
            f"No session {identifier!r} is on record in {work_dir}; see certbot-external-auth status, and give "
            "--work-dir if Certbot was given one."
        ]
    )
    if not _ID.fullmatch(identifier):
        raise unknown
    try:
        with own_folder.looked_into(work_dir, FOLDER, identifier) as above:
            found = json.loads(own_folder.read(above, "session.json", _LIMIT))
        if found.pop("version") != 1:
            raise unknown
        # Where it was found is known better than from what it says.
        known = {"id": identifier, "folder": os.path.join(root(work_dir), identifier), "names": tuple(found["names"])}
        return Session(**{**found, **known, "work_dir": os.path.abspath(work_dir)})
    except FileNotFoundError:
        raise unknown from None
    except OSError as error:
        raise unreadable(work_dir, error) from None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise unknown from None


def open_session(config_dir: str, work_dir: str) -> Session | None:
    """The session that uses one of these directories now; Certbot locks each by itself.

    :raises UsageError: if one on record cannot be looked at.
    :raises OSError: for the same reason.
    """
    found = [one for one in every(work_dir) if alive(one)]
    # It says more than Certbot's own lock would; where it cannot be read, there is still that.
    with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError, UsageError):
        folder = os.open(config_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            named = json.loads(own_folder.read(folder, POINTER, 10_000))
        finally:
            os.close(folder)
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

    :raises UsageError: if this user may not look, or one cannot be looked at.
    """
    found, problems = looked(work_dir)
    if problems:
        raise UsageError(problems)
    return found


def looked(work_dir: str) -> tuple[list[Session], list[str]]:
    """All sessions on record that can be looked at, oldest first; and why others cannot.

    :raises UsageError: if this user may not look.
    """
    found, problems = [], []
    for name in _folders(work_dir):
        try:
            found.append(find(work_dir, name))
        except UnknownSessionError:
            # What a power cut has left, or another version.
            continue
        except UsageError as error:
            problems += [f"{name}: {one}" for one in error.problems]
    return sorted(found, key=lambda session: session.started), problems


def _folders(work_dir: str) -> list[str]:
    try:
        with own_folder.looked_into(work_dir, FOLDER) as above:
            return sorted(name for name in os.listdir(above) if _ID.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(work_dir, error) from None


def unreadable(work_dir: str, error: OSError) -> UsageError:
    """What to say where the system did not let somebody look."""
    return UsageError([f"The sessions in {root(work_dir)} cannot be read: {error.strerror or error}."])


def forget_old(work_dir: str, now: float) -> None:
    """Remove the records of sessions that ended long ago, also those that a power cut has left unreadable.

    :param now: Unix seconds.
    :raises OSError: if the folder cannot be used.
    """
    with own_folder.opened(work_dir, FOLDER, create=True) as above:
        for name in os.listdir(above):
            # What cannot be looked at stays.
            with contextlib.suppress(OSError):
                if _ID.fullmatch(name) and now - _last(above, name) > KEPT and not _locked(work_dir, name):
                    with contextlib.suppress(UsageError):
                        socket_place.remove(find(work_dir, name))
                    own_folder.remove(above, name)


def _last(above: int, name: str) -> float:
    """When its Certbot has said something last."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(os.path.join(name, "lines"), dir_fd=above, follow_symlinks=False).st_mtime
    return os.stat(name, dir_fd=above, follow_symlinks=False).st_mtime


def lines(session: Session) -> list[dict[str, object]]:
    """What its Certbot has said so far; a line cut off by its death is left out.

    :raises OSError: if that cannot be looked at.
    """
    found = []
    for line in (record.read(session, "lines", _LIMIT) or b"").split(b"\n")[:-1]:
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(line)
            if isinstance(value, dict):
                found.append(value)
    return found


def output(session: Session) -> str:
    """The end of what Certbot printed.

    :raises OSError: if that cannot be looked at.
    """
    return (record.read(session, "output", 4096, end=True) or b"").decode("utf-8", "replace")


# --- locks ---


def alive(session: Session) -> bool:
    """Whether its Certbot runs.

    :raises OSError: if that cannot be looked at.
    """
    return _locked(session.work_dir, session.id)


def _locked(work_dir: str, identifier: str) -> bool:
    try:
        with own_folder.looked_into(work_dir, FOLDER, identifier) as folder:
            descriptor = own_folder.file(folder, record.LOCK)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look do not take each other for its Certbot; and it needs no right to write.
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
    """Whether its Certbot has ended within that time.

    :raises OSError: if that cannot be looked at.
    """
    deadline = time.monotonic() + seconds
    while alive(session):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True
