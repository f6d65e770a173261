"""http-01 files in a directory that a web server serves (option ``wellknown``)."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def problem(directory: str) -> str | None:
    """Why files cannot be written there, as a sentence with the mend; None if they can."""
    flag = f"--external-auth-wellknown: {directory}"
    if not os.path.isdir(directory):
        return f"{flag} is not a directory; run: mkdir -p {shlex.quote(directory)}"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"{flag} cannot be written to by this user; run Certbot as its owner, or change its mode."
    return None


@contextlib.contextmanager
def _opened(directory: str) -> Iterator[int]:
    descriptor = os.open(directory, _DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write(directory: str, token: str, content: str) -> None:
    """Write a file readable by the web server; a link or file of that name is never followed or replaced.

    :param token: checked by the guard, so it is no path.
    :raises OSError: if it cannot be written; nothing is left then.
    """
    with _opened(directory) as folder:
        file = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder)
        try:
            with os.fdopen(file, "w", encoding="ascii") as stream:
                os.fchmod(file, 0o644)
                stream.write(content)
        except OSError:
            os.unlink(token, dir_fd=folder)
            raise


def remove(directory: str, token: str) -> None:
    """Remove it if it is there.

    :raises OSError: if it is there and cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _opened(directory) as folder:
        os.unlink(token, dir_fd=folder)
