"""Where Certbot has a value of its configuration from, which no version below 2.7 tells."""

from __future__ import annotations

import sys
from typing import Any


def source(config: Any, dest: str, flag: str) -> str:
    """Where a value comes from: ``typed`` (command line or cli.ini), ``kept`` (renewal file), or ``none``."""
    sources = getattr(config, "argument_sources", None)
    if sources is not None:
        name = getattr(sources.get(dest), "name", "DEFAULT")
        return {"DEFAULT": "none", "RUNTIME": "kept"}.get(name, "typed")
    # Certbot below 2.7 does not tell, so the command line is looked at.
    if any(word == flag or word.startswith(flag + "=") for word in sys.argv[1:]):
        return "typed"
    if getattr(config, dest, None) in (None, False):
        return "none"
    return "kept" if config.verb in ("renew", "reconfigure") else "typed"


def on_command_line(config: Any, dest: str, flag: str) -> bool:
    """Whether a value was given by this command, and not by cli.ini, which holds for every certificate."""
    sources = getattr(config, "argument_sources", None)
    if sources is not None:
        return getattr(sources.get(dest), "name", "") == "COMMAND_LINE"
    return any(word == flag or word.startswith(flag + "=") for word in sys.argv[1:])
