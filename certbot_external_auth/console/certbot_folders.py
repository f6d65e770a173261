"""Certbot's folders, for commands beside it: as given, else as its cli.ini says, else its defaults."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Mapping, Sequence

DEFAULTS = {"config-dir": "/etc/letsencrypt", "work-dir": "/var/lib/letsencrypt"}


def arguments(parser: argparse.ArgumentParser, *options: str) -> None:
    """The flags that name them; see `found`. :param options: only these, if any are given."""
    for option in options or DEFAULTS:
        text = f"Certbot's (default: as in cli.ini, else {DEFAULTS[option]})"
        parser.add_argument(f"--{option}", metavar="DIR", help=text)


def found(given: Mapping[str, str | None], configurations: Sequence[str] = ()) -> tuple[str, str]:
    """Configuration and work directory, absolute.

    :param given: values of ``config-dir`` and ``work-dir``, None where none was given.
    :param configurations: files that Certbot is given (``--config``), besides those where it looks by itself.
    """
    said = {**DEFAULTS}
    for path in (*_cli_inis(), *configurations):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            said.update(assignments(file.read(1_000_000)))
    config_dir, work_dir = (os.path.abspath(os.path.expanduser(given.get(key) or said[key])) for key in DEFAULTS)
    return config_dir, work_dir


def assignments(text: str) -> dict[str, str]:
    """What a cli.ini says about the folders; the forms are those of ConfigArgParse: ``key = value``, ``key: value``."""
    keys = "|".join(DEFAULTS)
    lines = re.findall(rf"^[ \t]*(?:--)?({keys})[ \t]*[=: \t][ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE)
    return {key: value.strip("\"'") for key, value in lines}


def _cli_inis() -> list[str]:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join("~", ".config")
    return ["/etc/letsencrypt/cli.ini", os.path.expanduser(os.path.join(home, "letsencrypt", "cli.ini"))]
