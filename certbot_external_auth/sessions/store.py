"""Sessions on disk: one folder each below ``external-auth/sessions`` in Certbot's work directory, for this user alone.

The Certbot of a session holds a lock until it ends, however it ends. So a session is alive as long as it is locked, and
the plugin does not have to trust a process number.
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
KEPT_SECONDS = 24 * 3600.0
"""How long the record of a session that has ended is kept, for a `finish` that is run again."""
END_SECONDS = 60.0
"""How long a Certbot that has written its last line has to end."""
_ID = re.compile(r"[0-9a-f]{12}")
_NEW = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_RECORD_BYTES = 50_000_000
_MAX_POINTER_BYTES = 10_000
_MAX_OUTPUT_BYTES = 4096
_POLL_SECONDS = 0.05


class UnknownSessionError(UsageError):
    """No session with this id is on record."""


def root(work_dir: str) -> str:
    """Return the folder of a work directory's sessions."""
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
    """Read the record of a session.

    :param identifier: as the user typed it; it is not trusted.
    :raises UnknownSessionError: if there is no such session.
    :raises UsageError: if the record cannot be read, for example because it belongs to another user.
    """
    unknown = UnknownSessionError(
        [
            f"No session {identifier!r} is on record in {work_dir}. To see which are, run: certbot-external-auth "
            "status. If Certbot runs with --work-dir, give it here too."
        ]
    )
    if not _ID.fullmatch(identifier):
        raise unknown
    try:
        with own_folder.looked_into(work_dir, FOLDER, identifier) as folder:
            value = json.loads(own_folder.read(folder, "session.json", _MAX_RECORD_BYTES))
        if value.pop("version") != 1:
            raise unknown
        # The record does not decide where it lies.
        known = {"id": identifier, "folder": os.path.join(root(work_dir), identifier), "names": tuple(value["names"])}
        return Session(**{**value, **known, "work_dir": os.path.abspath(work_dir)})
    except FileNotFoundError:
        raise unknown from None
    except OSError as error:
        raise unreadable(work_dir, error) from None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise unknown from None


def open_session(config_dir: str, work_dir: str) -> Session | None:
    """Return the session that uses one of these directories now. Certbot locks each of the two by itself.

    :raises UsageError: if the record of a session cannot be read.
    :raises OSError: if a lock cannot be read.
    """
    open_ones = [session for session in every(work_dir) if alive(session)]
    # The pointer names the session, which Certbot's own lock does not. If it cannot be read, that lock is still there.
    with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError, UsageError):
        folder = os.open(config_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            named = json.loads(own_folder.read(folder, POINTER, _MAX_POINTER_BYTES))
        finally:
            os.close(folder)
        session = find(str(named["work_dir"]), str(named["session"]))
        if os.path.realpath(session.config_dir) == os.path.realpath(config_dir) and alive(session):
            open_ones.append(session)
    return next(iter(open_ones), None)


def _point(session: Session) -> None:
    """Write into the configuration directory which session uses it. If that fails, Certbot's lock is still there."""
    content = json.dumps({"session": session.id, "work_dir": session.work_dir}).encode()
    with contextlib.suppress(OSError):
        # Certbot creates the folder with this mode.
        os.makedirs(session.config_dir, mode=0o755, exist_ok=True)
        folder = os.open(session.config_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.close(own_folder.put(folder, POINTER, content))
        finally:
            os.close(folder)


def every(work_dir: str) -> list[Session]:
    """Return all sessions on record, oldest first.

    :raises UsageError: if a record cannot be read.
    """
    sessions, problems = readable(work_dir)
    if problems:
        raise UsageError(problems)
    return sessions


def readable(work_dir: str) -> tuple[list[Session], list[str]]:
    """Return the sessions whose records can be read, oldest first, and why others cannot.

    :raises UsageError: if the folder of sessions cannot be read.
    """
    sessions, problems = [], []
    for name in _folders(work_dir):
        try:
            sessions.append(find(work_dir, name))
        except UnknownSessionError:
            # A power cut left it half written, or another version of the plugin wrote it.
            continue
        except UsageError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    return sorted(sessions, key=lambda session: session.started), problems


def _folders(work_dir: str) -> list[str]:
    try:
        with own_folder.looked_into(work_dir, FOLDER) as folder:
            return sorted(name for name in os.listdir(folder) if _ID.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(work_dir, error) from None


def unreadable(work_dir: str, error: OSError) -> UsageError:
    """Make the error for records that the system does not let this user read."""
    return UsageError([f"The sessions in {root(work_dir)} cannot be read: {error.strerror or error}."])


def forget_old(work_dir: str, now: float) -> None:
    """Remove the records of sessions that ended long ago, also those that a power cut made unreadable.

    :param now: Unix seconds.
    :raises OSError: if the folder cannot be used.
    """
    with own_folder.opened(work_dir, FOLDER, create=True) as above:
        for name in os.listdir(above):
            # A record that cannot be read stays.
            with contextlib.suppress(OSError):
                if _ID.fullmatch(name) and now - _last(above, name) > KEPT_SECONDS and not _locked(work_dir, name):
                    with contextlib.suppress(UsageError):
                        socket_place.remove(find(work_dir, name))
                    own_folder.remove(above, name)


def _last(above: int, name: str) -> float:
    """Return when a session's Certbot wrote its last line, in Unix seconds."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(os.path.join(name, "lines"), dir_fd=above, follow_symlinks=False).st_mtime
    return os.stat(name, dir_fd=above, follow_symlinks=False).st_mtime


def lines(session: Session) -> list[dict[str, object]]:
    """Return the lines that a session's Certbot has written so far, without one that its end has cut off.

    :raises OSError: if they cannot be read.
    """
    read = []
    for line in (record.read(session, "lines", _MAX_RECORD_BYTES) or b"").split(b"\n")[:-1]:
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(line)
            if isinstance(value, dict):
                read.append(value)
    return read


def output(session: Session) -> str:
    """Return the end of what Certbot printed.

    :raises OSError: if it cannot be read.
    """
    return (record.read(session, "output", _MAX_OUTPUT_BYTES, end=True) or b"").decode("utf-8", "replace")


# --- locks ---


def alive(session: Session) -> bool:
    """Tell whether a session's Certbot runs.

    :raises OSError: if the lock cannot be read.
    """
    return _locked(session.work_dir, session.id)


def _locked(work_dir: str, identifier: str) -> bool:
    try:
        with own_folder.looked_into(work_dir, FOLDER, identifier) as folder:
            descriptor = own_folder.file(folder, record.LOCK)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two checks do not take each other for Certbot. It needs no write access, either.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def beginning(work_dir: str) -> Iterator[None]:
    """Let one `begin` at a time look for an open session and start its own.

    :raises OSError: if the folder cannot be created, or belongs to another user.
    """
    with own_folder.opened(work_dir, FOLDER, create=True) as folder:
        descriptor = os.open(".beginning", _NEW, 0o600, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def wait_for_end(session: Session, seconds: float) -> bool:
    """Wait until a session's Certbot has ended; return whether it has.

    :param seconds: how long to wait.
    :raises OSError: if the lock cannot be read.
    """
    deadline = time.monotonic() + seconds
    while alive(session):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
