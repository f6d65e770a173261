"""What lies in a session's folder: read as it is written. No link is followed, and nothing of others is believed."""

from __future__ import annotations

import errno
import os
import secrets

from certbot_external_auth.files import own_folder
from certbot_external_auth.sessions import FOLDER, Session

LOCK = "lock"
"""Held by who belongs to the session, for as long as it goes on."""
ROOM = "room"
"""Filled at the beginning, and removed when the disk is full: what ends a session needs room for its notes."""
ROOM_SIZE = 128 * 1024


def read(session: Session, name: str, limit: int, *, end: bool = False) -> bytes | None:
    """The content of a file, None if there is none.

    :param limit: bytes at most. :param end: the last ones, not the first.
    :raises OSError: if it cannot be looked at, which does not mean that there is none.
    """
    try:
        with own_folder.looked_into(session.work_dir, FOLDER, session.id) as folder:
            return own_folder.read(folder, name, limit, end=end)
    except FileNotFoundError:
        return None


def put(session: Session, name: str, content: bytes) -> None:
    """Write a file, in place of what has its name.

    :raises OSError: if it cannot be written.
    """
    with own_folder.opened(session.work_dir, FOLDER, session.id, create=False) as folder:
        try:
            os.close(own_folder.put(folder, name, content))
        except OSError as error:
            if not make_room(folder, error):
                raise
            os.close(own_folder.put(folder, name, content))


def reserve(folder: int) -> None:
    """Take the room that `make_room` gives back.

    :param folder: a descriptor of the session's.
    :raises OSError: if there is not so much.
    """
    # Zeros would take none where the file system compresses.
    os.close(own_folder.put(folder, ROOM, secrets.token_bytes(ROOM_SIZE)))


def make_room(folder: int, error: OSError) -> bool:
    """Whether there is room now, where there was none.

    :param folder: a descriptor of the session's. :param error: what writing came to.
    """
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return False
    try:
        os.unlink(ROOM, dir_fd=folder)
    except OSError:
        return False
    return True
