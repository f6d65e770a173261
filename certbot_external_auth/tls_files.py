"""Validation certificates on disk: ``external-auth/alpn-certs`` in Certbot's work directory, for root's eyes only.

Certbot holds a lock on its work directory, so no other run uses the folder at the same time. Names are those of
Dehydrated's ALPNCERTDIR, and the CA's server name comes first in them: ``<server name>.crt.pem`` and ``.key.pem``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def folder(work_dir: str) -> str:
    """Where the files are."""
    return os.path.join(work_dir, "external-auth", "alpn-certs")


def paths(directory: str, server_name: str) -> tuple[str, str]:
    """Certificate and key of a server name."""
    return tuple(os.path.join(directory, f"{server_name}.{kind}.pem") for kind in ("crt", "key"))  # type: ignore[return-value]


def write(directory: str, server_name: str, certificate: bytes, key: bytes) -> None:
    """Write both files, 0600, each whole or not at all; what an earlier run left is replaced.

    :param server_name: checked by the guard, or made here, so it is no path.
    :raises OSError: if they cannot be written.
    """
    with _opened(directory, create=True) as descriptor:
        # The key first: who watches for the certificate finds both.
        for path, content in zip(paths(directory, server_name)[::-1], (key, certificate), strict=True):
            _replace(descriptor, os.path.basename(path), content)


def remove(directory: str, server_name: str) -> None:
    """Remove both if they are there.

    :raises OSError: if one is there and cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _opened(directory, create=False) as descriptor:
        for path in paths(directory, server_name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.basename(path), dir_fd=descriptor)


@contextlib.contextmanager
def _opened(directory: str, create: bool) -> Iterator[int]:
    """A descriptor of the folder, which is made ours alone; a link in its place is refused."""
    if create:
        parent = os.path.dirname(directory)
        os.makedirs(os.path.dirname(parent), mode=0o755, exist_ok=True)
        for path in (parent, directory):
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
    descriptor = os.open(directory, _FOLDER)
    try:
        if create:
            os.fchmod(descriptor, 0o700)
        yield descriptor
    finally:
        os.close(descriptor)


def _replace(descriptor: int, name: str, content: bytes) -> None:
    passing = f".{secrets.token_hex(8)}"
    file = os.open(passing, _NEW, 0o600, dir_fd=descriptor)
    try:
        with os.fdopen(file, "wb") as stream:
            os.fchmod(file, 0o600)
            stream.write(content)
        os.rename(passing, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
    except OSError:
        os.unlink(passing, dir_fd=descriptor)
        raise
