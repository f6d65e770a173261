"""The folder of a session, as the session's Certbot uses it: where to listen, and the record of its lines."""

from __future__ import annotations

import json
import logging
import os

from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import own_folder, spare_room

logger = logging.getLogger(__name__)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RECORD = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_SESSION_BYTES = 50_000_000


class Record:
    """A file with every line of a session, for programs that come after its end."""

    def __init__(self, path: str) -> None:
        """:param path: path in the folder of a session. :raises OSError: if the file cannot be opened."""
        self._folder = os.path.dirname(path)
        self._file: int | None = os.open(path, _RECORD, 0o600)

    def add(self, data: bytes) -> None:
        """Add a line. If that fails, the session goes on without the record."""
        rest = memoryview(data)
        while rest and self._file is not None:
            try:
                # On a disk that is almost full, only the beginning may be written.
                rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                if not self._make_room(error):
                    logger.warning("The session's lines are no longer recorded (%s). The session goes on.", error)
                    self._file = None

    def _make_room(self, problem: OSError) -> bool:
        try:
            folder = os.open(self._folder, _FOLDER)
        except OSError:
            return False
        try:
            return spare_room.make_room(folder, problem)
        finally:
            os.close(folder)


def session_record(folder: str) -> tuple[str, str, float | None]:
    """Return the socket, the record and the deadline of a session that `certbot-external-auth begin` made.

    The deadline is in seconds for each batch, None for that of the settings.

    :raises UsageError: if the folder cannot be read, or others can access it.
    """
    try:
        descriptor = os.open(folder, _FOLDER)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                raise UsageError([f"Other users can access the session {folder}. Begin another one."])
            document = json.loads(own_folder.read(descriptor, "session.json", _MAX_SESSION_BYTES))
        finally:
            os.close(descriptor)
        deadline = document.get("deadline")
        return str(document["socket"]), os.path.join(folder, "lines"), None if deadline is None else float(deadline)
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise UsageError([f"The session {folder} cannot be read ({error}). Begin another one."]) from None
