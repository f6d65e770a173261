"""http-01 files in a directory that a web server serves (option ``wellknown``).

It may belong to somebody else, who can exchange any part of the path at any moment. So the way to it is gone folder by
folder, each held open, and a symbolic link is followed only where nobody but root or this user can have put it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Iterator, Sequence

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS = 40
"""Links on the way at most, as Linux has it (path_resolution(7))."""


def problem(directory: str) -> str | None:
    """Why files cannot be written there, as a sentence with the mend; None if they can."""
    flag = f"--external-auth-wellknown: {directory}"
    if not os.path.isdir(directory):
        return f"{flag} is not a directory; run: mkdir -p {shlex.quote(directory)}"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"{flag} cannot be written to by this user; run Certbot as its owner, or change its mode."
    try:
        with _opened(directory):
            return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            return f"{flag} cannot be opened ({error.strerror}); run Certbot as its owner, or change its mode."
        place = shlex.quote(os.path.realpath(directory))
        return (
            f"{flag}: {error.filename} is a symbolic link that another user can change; name the place itself: "
            f"--external-auth-wellknown {place}"
        )


@contextlib.contextmanager
def _opened(directory: str) -> Iterator[int]:
    """A descriptor of the directory.

    :raises OSError: ELOOP for a link that cannot be trusted.
    """
    ahead, where, links = _parts(os.path.abspath(directory)), [""], 0
    descriptor = os.open("/", _DIRECTORY)
    try:
        while ahead:
            name = ahead.pop(0)
            below = None if name == ".." else _entered(descriptor, name)
            if below is not None:
                where.append(name)
            else:
                links += name != ".."
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), directory)
                shown = "/".join([*where, name])
                # From the beginning with the link written out, so that nothing is taken for looked at.
                target = where[1:-1] if name == ".." else _parts(_trusted_target(descriptor, name, shown), where)
                ahead, where, below = target + ahead, [""], os.open("/", _DIRECTORY)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(path: str, where: Sequence[str] = ()) -> list[str]:
    """The names in a path, after those of the folder it is seen from if it is relative."""
    before = [] if path.startswith("/") else list(where[1:])
    return before + [part for part in path.split("/") if part not in ("", ".")]


def _entered(folder: int, name: str) -> int | None:
    """A descriptor of a folder in a folder; None for a link, or what is none of both."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=folder)
    except OSError as error:
        # A link is none of the directories that are asked for.
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return None
        raise


def _trusted_target(folder: int, name: str, shown: str) -> str:
    """Where a link leads that only root or this user can have made, and only they can exchange."""
    link, above = os.lstat(name, dir_fd=folder), os.fstat(folder)
    if not stat.S_ISLNK(link.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), shown)
    ours = (0, os.geteuid())
    open_to_others = above.st_mode & 0o022 and not above.st_mode & stat.S_ISVTX
    if link.st_uid not in ours or above.st_uid not in ours or open_to_others:
        raise OSError(errno.ELOOP, "a symbolic link on the way can be changed by another user", shown)
    return os.readlink(name, dir_fd=folder)


def write(directory: str, token: str, content: str) -> None:
    """Write a file readable by the web server; only a file of this user's own of that name is replaced.

    :param token: checked by the guard, so it is no path.
    :raises FileExistsError: if something else of that name is there, with its path; it is neither followed nor touched.
    :raises OSError: if it cannot be written; nothing is left then.
    """
    with _opened(directory) as folder:
        _make_room(folder, directory, token)
        file = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder)
        try:
            with os.fdopen(file, "w", encoding="ascii") as stream:
                os.fchmod(file, 0o644)
                stream.write(content)
        except BaseException:
            os.unlink(token, dir_fd=folder)
            raise


def _make_room(folder: int, directory: str, token: str) -> None:
    """Remove what a run has left that could not clean up: the CA gives the same token again for a pending order."""
    try:
        there = os.lstat(token, dir_fd=folder)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(there.st_mode) or there.st_uid != os.geteuid():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.path.join(directory, token))
    os.unlink(token, dir_fd=folder)


def remove(directory: str, token: str) -> None:
    """Remove it if it is there.

    :raises OSError: if it is there and cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _opened(directory) as folder:
        os.unlink(token, dir_fd=folder)
