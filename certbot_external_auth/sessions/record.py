"""What lies in a session's folder: read as it is written. No link is followed, and nothing of others is believed."""

from __future__ import annotations

import os

from certbot_external_auth.files import own_folder, spare_room
from certbot_external_auth.sessions import FOLDER, Session

LOCK = "lock"
"""Held by who belongs to the session, for as long as it goes on."""


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
            if not spare_room.make_room(folder, error):
                raise
            os.close(own_folder.put(folder, name, content))
