"""Reads what a plan is made from: domains.txt, settings of single certificates, and the certificates of Certbot."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Sequence

from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import regular_file
from certbot_external_auth.handler_setup import dehydrated_config
from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig
from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.plan import domains_txt
from certbot_external_auth.plan.commands import Own
from certbot_external_auth.plan.domains_txt import Line, Unusable
from certbot_external_auth.plan.keeping import OF_A_CERTIFICATE
from certbot_external_auth.text import one_line

MAX_BYTES = 4_000_000
"""Longest domains.txt, in bytes, that is read."""


def folder_of(config: DehydratedConfig) -> str:
    """Return the folder with Dehydrated's certificates."""
    return _absolute(config, config.settings["CERTDIR"] or os.path.join(config.basedir, "certs")).rstrip("/")


def lines(config: DehydratedConfig) -> list[Line | Unusable]:
    """Read domains.txt, and the files of domains.txt.d as Dehydrated 0.7.2 does.

    :raises UsageError: if one of them cannot be read.
    """
    path = _absolute(config, config.settings["DOMAINS_TXT"] or os.path.join(config.basedir, "domains.txt"))
    found: list[Line | Unusable] = []
    for file in [path, *sorted(glob.glob(f"{glob.escape(path)}.d/*.txt"))]:
        try:
            found += domains_txt.parse(regular_file.read(file, MAX_BYTES).decode("utf-8-sig", "replace"), file)
        except OSError as error:
            raise UsageError(
                [f"{config.path}: DOMAINS_TXT {file} cannot be read: {error.strerror}; set DOMAINS_TXT to your file."]
            ) from None
    return found


def own(config: DehydratedConfig, lines: Iterable[Line], env_file: str | None = None) -> dict[str, Own]:
    """Read the configurations of single certificates. :returns: by alias; without those that have none."""
    found = {}
    for alias in {line.alias for line in lines}:
        path = os.path.join(folder_of(config), alias, "config")
        if config.settings["DOMAINS_D"]:
            path = os.path.join(_absolute(config, config.settings["DOMAINS_D"]), alias)
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                found[alias] = _read(config, path, env_file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            found[alias] = Own(path, None, error.strerror or str(error))
    return found


def present(config_dir: str, lines: Sequence[Line]) -> dict[str, frozenset[str] | None]:
    """Read the names in the certificates that Certbot already has under the names of the lines."""
    found: dict[str, frozenset[str] | None] = {}
    for line in lines:
        try:
            names = certificate.read(Lineage(config_dir, line.lineage).cert_path).names
            found[line.lineage] = frozenset(name.lower() for name in names)
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            found[line.lineage] = None
    return found


def _read(config: DehydratedConfig, path: str, env_file: str | None) -> Own:
    try:
        both = dehydrated_config.read(config.path, env_file=env_file, beside=[path]).settings
    except UsageError as error:
        return Own(path, None, one_line(str(error)))
    return Own(path, {name: (both if name in OF_A_CERTIFICATE else config.settings)[name] for name in both})


def _absolute(config: DehydratedConfig, path: str) -> str:
    return os.path.join(os.path.dirname(config.path), path)
