"""The verb `providers`: list the DNS providers that this machine can use, and say which one to take."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Sequence

from certbot_external_auth.console import documents, terminal_lines
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import env_file
from certbot_external_auth.providers import listed, listing, registry

EPILOG = (
    "Exit code: 0, or 1 if no engine knows such a provider, 2 for wrong use. The values of variables are never shown."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    parser.epilog = EPILOG
    parser.add_argument("word", nargs="?", default="", metavar="WORD", help="a part of the provider's name")
    parser.add_argument("--engine", metavar="ENGINE", help="only what this engine reaches (default: all engines)")
    parser.add_argument(
        "--env-file", metavar="FILE", help="the file of --external-auth-env-file, to see which variables are set"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(given: argparse.Namespace) -> int:
    """Look, print, and return the exit code.

    :raises UsageError: for an unknown engine, or an env file that cannot be used.
    """
    path = None if given.env_file is None else os.path.abspath(given.env_file)
    settings = registry.settings_of({} if path is None else env_file.trusted(path))
    engines, rows = listing.collect(settings, _engines(given.engine))
    found = listing.matching(rows, given.word)
    best = listing.best(found) if given.word else None
    if given.json:
        documents.tell(listed.document(engines, found, best))
    else:
        flags = [] if path is None else ["--env-file", path]
        text = "\n".join(listed.lines(engines, found, best, given.word, flags))
        documents.put(terminal_lines.for_stream(text, sys.stdout), "The list")
    return 0 if found else 1


def _engines(typed: str | None) -> Sequence[str]:
    names = registry.names()
    if typed is None:
        return names
    if typed in names:
        return [typed]
    near = difflib.get_close_matches(typed.lower(), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise UsageError([f"--engine: {typed!r} is not known; accepted: {', '.join(names)}{hint}"])
