"""Reads a Dehydrated configuration only once in a process: bash takes longer for it than Certbot for a lineage."""

from __future__ import annotations

import os
from collections.abc import Mapping

from certbot_external_auth.files import file_signature
from certbot_external_auth.handler_setup import dehydrated_config
from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig

_Read = tuple[Mapping[str, str], list[file_signature.Signature | None], DehydratedConfig]
_known: dict[tuple[str, str | None], _Read] = {}
"""By path and env file: the environment it was read in, the signatures of its files, and the configuration."""


def read(path: str, env_file: str | None) -> DehydratedConfig:
    """Return a configuration. It is read again only if a file of it, the env file or the environment has changed.

    :raises UsageError: see `dehydrated_config.read`.
    """
    environment = dict(os.environ)
    key = path, env_file
    if key in _known:
        before, signatures, config = _known[key]
        if before == environment and None not in signatures and signatures == _signatures(config, env_file):
            return config
    config = dehydrated_config.read(path, env_file=env_file)
    _known[key] = (environment, _signatures(config, env_file), config)
    return config


def _signatures(config: DehydratedConfig, env_file: str | None) -> list[file_signature.Signature | None]:
    """Return the signatures of all files, and of the folder CONFIG_D, which can have got a new file."""
    folders = {os.path.dirname(path) for path in config.files[1:]}
    more = [] if env_file is None else [env_file]
    return [file_signature.signature(path) for path in (*config.files, *sorted(folders), *more)]
