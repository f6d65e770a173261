"""Validation certificates on disk: ``external-auth/alpn-certs`` in Certbot's work directory, readable for root only.

Certbot locks its work directory, so no other run uses the folder at the same time. Files have the names that they have
in Dehydrated's ALPNCERTDIR, which begin with the CA's server name: ``<server name>.crt.pem`` and ``.key.pem``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os

from certbot_external_auth.files import own_folder

MAX_NAME_CHARACTERS = 255 - len(".crt.pem")
"""Longest server name that fits into the name of a file (NAME_MAX of Linux)."""


def folder(work_dir: str) -> str:
    """Return the folder of the files. :param work_dir: Certbot's work directory."""
    return own_folder.path(work_dir, "alpn-certs")


def paths(directory: str, server_name: str) -> tuple[str, str]:
    """Return the paths of the certificate and the key of a server name.

    A server name that is too long for a file is replaced by its SHA-256.
    """
    if len(server_name) > MAX_NAME_CHARACTERS:
        server_name = hashlib.sha256(server_name.encode("ascii")).hexdigest()
    stem = os.path.join(directory, server_name)
    return f"{stem}.crt.pem", f"{stem}.key.pem"


def write(directory: str, server_name: str, certificate: bytes, key: bytes) -> None:
    """Write both files with mode 0600, and replace those of an earlier run. Each is written whole or not at all.

    :param server_name: checked by the guard, or made by this package, so it is not a path.
    :raises OSError: if a file cannot be written.
    """
    certificate_path, key_path = paths(directory, server_name)
    with _opened(directory, create=True) as descriptor:
        # The key first, so that a program that waits for the certificate finds both.
        for path, content in ((key_path, key), (certificate_path, certificate)):
            os.close(own_folder.put(descriptor, os.path.basename(path), content))


def remove(directory: str, server_name: str) -> None:
    """Remove both files, if they are there.

    :raises OSError: if one of them cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _opened(directory, create=False) as descriptor:
        for path in paths(directory, server_name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.basename(path), dir_fd=descriptor)


def _opened(directory: str, create: bool) -> contextlib.AbstractContextManager[int]:
    parent, name = os.path.split(directory)
    return own_folder.opened(os.path.dirname(parent), name, create=create)
