"""Certbot's folders and its CA, for commands of our own: from the command line, cli.ini, or Certbot's defaults."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Mapping, Sequence

from certbot_external_auth.files import regular_file

MAX_BYTES = 1_000_000
"""Longest cli.ini, in bytes, that is read."""
DEFAULTS = {"config-dir": "/etc/letsencrypt", "work-dir": "/var/lib/letsencrypt"}
LOGS, DEFAULT_LOGS = "logs-dir", "/var/log/letsencrypt"
"""Certbot's option that names the directory of its logs, and its default."""
SERVER, DEFAULT_SERVER = "server", "https://acme-v02.api.letsencrypt.org/directory"
"""Certbot's option that names the CA's directory, and its default."""

_LINE = re.compile(
    rf"(?:--)?(?P<key>{'|'.join((*DEFAULTS, LOGS, SERVER))})(?:\s*[=:]\s*|\s+)(?P<value>.*?)(?:\s+[#;].*)?"
)


def arguments(parser: argparse.ArgumentParser, *options: str) -> None:
    """Add the flags that name the folders; see `found`. :param options: only these, if any are given."""
    for option in options or DEFAULTS:
        text = f"Certbot's --{option} (default: from cli.ini, else {({**DEFAULTS, LOGS: DEFAULT_LOGS})[option]})"
        parser.add_argument(f"--{option}", metavar="DIR", help=text)


def found(given: Mapping[str, str | None], configurations: Sequence[str] = ()) -> tuple[str, str]:
    """Return configuration directory and work directory as absolute paths.

    :param given: the values of ``config-dir`` and ``work-dir``; None if not given.
    :param configurations: files that Certbot gets by ``--config``, besides those that it reads by itself.
    """
    configured = {**DEFAULTS, **_configured(configurations)}
    config_dir, work_dir = (os.path.abspath(os.path.expanduser(given.get(key) or configured[key])) for key in DEFAULTS)
    return config_dir, work_dir


def logs(given: str | None = None) -> str:
    """Return the directory of Certbot's logs, absolute. :param given: from the command line, None if not given."""
    return os.path.abspath(os.path.expanduser(given or _configured(()).get(LOGS, DEFAULT_LOGS)))


def server(given: str | None = None) -> str:
    """Return the URL of the CA's directory. :param given: from the command line, None if it is not there."""
    return given or _configured(()).get(SERVER) or DEFAULT_SERVER


def _configured(configurations: Sequence[str]) -> dict[str, str]:
    """Return what the configuration files say; a later one counts more."""
    configured: dict[str, str] = {}
    for path in (*_cli_inis(), *configurations):
        with contextlib.suppress(OSError):
            configured.update(assignments(regular_file.read(path, MAX_BYTES).decode("utf-8", "replace")))
    return configured


def assignments(text: str) -> dict[str, str]:
    """Read folders and CA from the text of a cli.ini, as ConfigArgParse does: ``key = value`` or ``key: value``.

    A value ends where a comment begins, and may be empty.
    """
    found = filter(None, (_LINE.fullmatch(line.strip()) for line in text.split("\n")))
    return {match["key"]: match["value"].strip("\"'") for match in found}


def _cli_inis() -> list[str]:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join("~", ".config")
    return ["/etc/letsencrypt/cli.ini", os.path.expanduser(os.path.join(home, "letsencrypt", "cli.ini"))]
