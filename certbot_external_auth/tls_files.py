"""Validation certificates on disk: ``external-auth/alpn-certs`` in Certbot's work directory, for root's eyes only.

Certbot holds a lock on its work directory, so no other run uses the folder at the same time. Names are those of
Dehydrated's ALPNCERTDIR, and the CA's server name comes first in them: ``<server name>.crt.pem`` and ``.key.pem``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os

from certbot_external_auth import own_folder

LONGEST = 255 - len(".crt.pem")
"""Characters of a server name that can stand in a file's name (NAME_MAX, Linux)."""


def folder(work_dir: str) -> str:
    """Where the files are."""
    return own_folder.path(work_dir, "alpn-certs")


def paths(directory: str, server_name: str) -> tuple[str, str]:
    """Certificate and key of a server name; one that is too long for a file's is replaced by its SHA-256."""
    if len(server_name) > LONGEST:
        server_name = hashlib.sha256(server_name.encode("ascii")).hexdigest()
    return tuple(os.path.join(directory, f"{server_name}.{kind}.pem") for kind in ("crt", "key"))  # type: ignore[return-value]


def write(directory: str, server_name: str, certificate: bytes, key: bytes) -> None:
    """Write both files, 0600, each whole or not at all; what an earlier run left is replaced.

    :param server_name: checked by the guard, or made here, so it is no path.
    :raises OSError: if they cannot be written.
    """
    with _opened(directory, create=True) as descriptor:
        # The key first: who watches for the certificate finds both.
        for path, content in zip(paths(directory, server_name)[::-1], (key, certificate), strict=True):
            os.close(own_folder.put(descriptor, os.path.basename(path), content))


def remove(directory: str, server_name: str) -> None:
    """Remove both if they are there.

    :raises OSError: if one is there and cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _opened(directory, create=False) as descriptor:
        for path in paths(directory, server_name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.basename(path), dir_fd=descriptor)


def _opened(directory: str, create: bool) -> contextlib.AbstractContextManager[int]:
    parent, name = os.path.split(directory)
    return own_folder.opened(os.path.dirname(parent), name, create=create)
