"""Reads files that another program may have put there, such as those in Certbot's configuration directory."""

from __future__ import annotations

import errno
import os
import stat


def read(path: str, max_bytes: int) -> bytes:
    """Return the content of a regular file. A link is followed.

    :raises OSError: if it cannot be read, is not a regular file, or is longer than `max_bytes`.
    """
    # Without O_NONBLOCK, opening a named pipe would block until another process writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {max_bytes} bytes", path)
    return data
