"""A Dehydrated configuration read once in a process: bash takes longer for it than Certbot for a whole lineage."""

from __future__ import annotations

import os
from collections.abc import Mapping

from certbot_external_auth.files import file_signature
from certbot_external_auth.handler_setup import dehydrated_config
from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig

_known: dict[str, tuple[Mapping[str, str], list[file_signature.Signature | None], DehydratedConfig]] = {}
"""By path: the environment that it was read in, the signatures of its files, and what was read."""


def read(path: str) -> DehydratedConfig:
    """Read a configuration, again only if it or the environment is another one than before.

    :raises UsageError: see `dehydrated_config.read`.
    """
    environment = dict(os.environ)
    if path in _known:
        before, signatures, found = _known[path]
        if before == environment and None not in signatures and signatures == _signatures(found):
            return found
    found = dehydrated_config.read(path)
    _known[path] = (environment, _signatures(found), found)
    return found


def _signatures(config: DehydratedConfig) -> list[file_signature.Signature | None]:
    """Of the files, and of the folders they lie in, where another one may have come."""
    folders = {os.path.dirname(path) for path in config.files[1:]}
    return [file_signature.signature(path) for path in (*config.files, *sorted(folders))]
