"""Writes http-01 files into a directory that a web server serves (option ``wellknown``).

The directory can belong to another user, who could exchange any part of the path at any moment. So this module opens
the path one folder at a time and keeps each folder open until the next one is. It follows a symbolic link only if just
root or this user can have made it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LINKS = 40
"""Longest chain of links, as in Linux (path_resolution(7))."""


def problem(directory: str) -> str | None:
    """Return why files cannot be written to a directory, as a sentence with the fix; None if they can."""
    flag = f"--external-auth-wellknown: {directory}"
    if not os.path.isdir(directory):
        return f"{flag} is not a directory; run: {making(directory)}"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"{flag} is not writable for this user; run Certbot as its owner, or change its mode."
    try:
        with _opened(directory):
            return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            return f"{flag} cannot be opened ({error.strerror}); run Certbot as its owner, or change its mode."
        place = shlex.quote(os.path.realpath(directory))
        return (
            f"{flag}: {error.filename} is a symbolic link that another user can change; name its target instead: "
            f"--external-auth-wellknown {place}"
        )


def making(directory: str) -> str:
    """Return a shell command that makes a directory that a web server can enter, whatever the umask of the shell is."""
    return f"(umask 022; mkdir -p {shlex.quote(directory)})"


@dataclass(frozen=True)
class FileState:
    """What other users of this machine can do with a file that was written for a token.

    :ivar path: of the file.
    :ivar gone: it is not there any more.
    :ivar closed: the topmost folder that not every user may enter, or the file if not every user may read it; empty if
        they may. Access lists (ACL) and the modules of the kernel that restrict servers are not examined.
    :ivar mode: of `closed`, the permission bits.
    """

    path: str
    gone: bool = False
    closed: str = ""
    mode: int = 0


def file_state(directory: str, token: str) -> FileState | None:
    """Examine the file of a token; None if this user cannot find out."""
    path = os.path.join(directory, token)
    try:
        for step in _steps(directory):
            mode = os.stat(step).st_mode
            if not mode & stat.S_IXOTH:
                return FileState(path, closed=step, mode=stat.S_IMODE(mode))
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return FileState(path, gone=True)
    except OSError:
        return None
    return FileState(path) if mode & stat.S_IROTH else FileState(path, closed=path, mode=stat.S_IMODE(mode))


def _steps(directory: str) -> list[str]:
    """Return the real path of a directory and of all above it, from the top."""
    parts = os.path.realpath(directory).split("/")[1:]
    return ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]


@contextlib.contextmanager
def _opened(directory: str) -> Iterator[int]:
    """Open the directory, and give its descriptor to the block.

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
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), directory)
                shown = "/".join([*where, name])
                # Start again from the root with the link replaced by its target, so that every part is examined.
                target = where[1:-1] if name == ".." else _parts(_trusted_target(descriptor, name, shown), where)
                ahead, where, below = target + ahead, [""], os.open("/", _DIRECTORY)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(path: str, where: Sequence[str] = ()) -> list[str]:
    """Split a path into names; a relative one starts with the names of the folder that it is relative to."""
    before = [] if path.startswith("/") else list(where[1:])
    return before + [part for part in path.split("/") if part not in ("", ".")]


def _entered(folder: int, name: str) -> int | None:
    """Open a folder in a folder, and return its descriptor; None if it is a link, or not a folder."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=folder)
    except OSError as error:
        # With O_DIRECTORY and O_NOFOLLOW, a link is one of these errors, depending on the kernel.
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return None
        raise


def _trusted_target(folder: int, name: str, shown: str) -> str:
    """Return the target of a link, if only root or this user can have made it and can exchange it.

    :param shown: path of the link, for the error.
    :raises NotADirectoryError: if it is not a link.
    :raises OSError: ELOOP if another user can change it.
    """
    link, above = os.lstat(name, dir_fd=folder), os.fstat(folder)
    if not stat.S_ISLNK(link.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), shown)
    ours = (0, os.geteuid())
    open_to_others = above.st_mode & 0o022 and not above.st_mode & stat.S_ISVTX
    if link.st_uid not in ours or above.st_uid not in ours or open_to_others:
        raise OSError(errno.ELOOP, "a symbolic link on the way can be changed by another user", shown)
    return os.readlink(name, dir_fd=folder)


def write(directory: str, token: str, content: str) -> None:
    """Write a file that the web server can read. It replaces this user's own file, and nothing else.

    :param token: name of the file. The guard has checked it, so it is not a path.
    :raises FileExistsError: if the name is taken by anything else, which is left alone; the error has its path.
    :raises OSError: if the file cannot be written; no part of it is left then.
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
    """Remove the file of a run that could not clean up: the CA gives the same token again for a pending order."""
    try:
        there = os.lstat(token, dir_fd=folder)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(there.st_mode) or there.st_uid != os.geteuid():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.path.join(directory, token))
    os.unlink(token, dir_fd=folder)


def remove(directory: str, token: str) -> None:
    """Remove the file of a token, if it is there.

    :raises OSError: if it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _opened(directory) as folder:
        os.unlink(token, dir_fd=folder)
