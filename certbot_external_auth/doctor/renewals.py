"""The renewal files of a configuration directory that name this plugin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from certbot_external_auth import settings
from certbot_external_auth.files import regular_file

MAX_FILE_BYTES = 262_144
_NAMES = "|".join(re.escape(name) for name in (settings.NAME, settings.HISTORIC_NAME))
_NAMED = re.compile(rf"^[ \t]*(?:authenticator|installer)[ \t]*=[ \t]*[\"']?(?:{_NAMES})[\"']?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Renewals:
    """:ivar names: lineages whose renewal needs this plugin.
    :ivar unreadable: files and directories that could not be read, each with the reason.
    """

    names: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def find(config_dir: Path) -> Renewals:
    """Read every renewal file. A directory that is not there has none."""
    names, unreadable = [], []
    try:
        # Certbot does not read hidden files.
        paths = sorted((config_dir / "renewal").glob("[!.]*.conf"))
    except FileNotFoundError:
        return Renewals()
    except OSError as error:
        return Renewals(unreadable=(f"{error.filename}: {error.strerror}",))
    for path in paths:
        try:
            text = regular_file.read(str(path), MAX_FILE_BYTES).decode("utf-8", "replace")
        except OSError as error:
            unreadable.append(f"{path}: {error.strerror}")
            continue
        if _NAMED.search(text):
            names.append(path.stem)
    return Renewals(tuple(names), tuple(unreadable))
