"""The files in a session's folder. No link is followed, and no file of another user is trusted."""

from __future__ import annotations

import os

from certbot_external_auth.files import own_folder, spare_room
from certbot_external_auth.sessions import FOLDER, Session

LOCK = "lock"
"""The file that the processes of a session keep locked until they end."""


def read(session: Session, name: str, limit: int, *, end: bool = False) -> bytes | None:
    """Read a file; None if there is none.

    :param limit: how many bytes at most.
    :param end: the last bytes, not the first.
    :raises OSError: if it cannot be read, although it may exist.
    """
    try:
        with own_folder.looked_into(session.work_dir, FOLDER, session.id) as folder:
            return own_folder.read(folder, name, limit, end=end)
    except FileNotFoundError:
        return None


def put(session: Session, name: str, content: bytes) -> None:
    """Write a file, in place of the one before.

    :raises OSError: if it cannot be written.
    """
    with own_folder.opened(session.work_dir, FOLDER, session.id, create=False) as folder:
        try:
            os.close(own_folder.put(folder, name, content))
        except OSError as error:
            if not spare_room.make_room(folder, error):
                raise
            os.close(own_folder.put(folder, name, content))
