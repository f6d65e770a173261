"""Reserves room on the disk, so that a folder's last notes can be written when the disk is full."""

from __future__ import annotations

import errno
import os
import secrets

from certbot_external_auth.files import own_folder

NAME = "room"
SIZE_BYTES = 128 * 1024


def reserve(folder: int) -> None:
    """Reserve the room that `make_room` gives back.

    :param folder: a descriptor of the folder.
    :raises OSError: if the disk has less.
    """
    # Zeros would take no room where the file system compresses.
    os.close(own_folder.put(folder, NAME, secrets.token_bytes(SIZE_BYTES)))


def make_room(folder: int, error: OSError) -> bool:
    """Give the room back if the disk is full. Tell whether there is room now, and there was none before.

    :param folder: a descriptor of the folder.
    :param error: why a file could not be written.
    """
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return False
    try:
        os.unlink(NAME, dir_fd=folder)
    except OSError:
        return False
    return True
