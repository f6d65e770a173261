"""Where a session's socket lies: in a folder that is this user's alone, and is there for as long as the session is."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import tempfile

from certbot_external_auth.backends.socket_channel import PATH_LIMIT
from certbot_external_auth.errors import UsageError

RUN = "/run"
"""For root only; it is there until the machine is started anew."""


def chosen(folder: str, identifier: str) -> str:
    """A path at which a socket can be made.

    The runtime folder of a login (XDG_RUNTIME_DIR) and the one for temporary files come last: logind removes the one at
    logout, and old files are swept from the other, while a session goes on.

    :param folder: the session's own. :param identifier: the session's.
    :raises UsageError: if there is none, or a folder that should be used is not this user's alone.
    """
    user = os.geteuid()
    own = os.path.join(folder, "socket")
    found = [] if user else [_below(RUN, identifier)]
    found += [own, *(_below(base, identifier) for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()))]
    for path in filter(None, found):
        if len(os.fsencode(path)) <= PATH_LIMIT and (path == own or _made(os.path.dirname(path))) and _holds(path):
            return path
    raise UsageError(
        [
            f"No socket can be made in {folder}, nor in the folders for temporary files: a socket's path may have "
            f"{PATH_LIMIT} bytes. Name a short folder of yours by XDG_RUNTIME_DIR, or another --work-dir."
        ]
    )


def _below(base: str | None, identifier: str) -> str:
    return os.path.join(base, f"certbot-external-auth-{os.geteuid()}", f"{identifier}.sock") if base else ""


def _made(folder: str) -> bool:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise UsageError([f"{folder} is not this user's alone; remove it, or name a folder by XDG_RUNTIME_DIR."])
    return True


def _holds(path: str) -> bool:
    """Whether a socket can be made there; some network file systems have none."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.bind(path)
        except OSError:
            return False
    with contextlib.suppress(OSError):
        os.unlink(path)
    return True
