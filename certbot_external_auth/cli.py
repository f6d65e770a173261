"""The command `certbot-external-auth`: what is done beside a run of Certbot. Each verb lives in a module of its own.

A verb's module has `arguments(parser)`, which adds its flags, and `main(arguments)`, which does the work and returns
the exit code. It is imported only when its verb is named.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from certbot import errors

from certbot_external_auth import __version__
from certbot_external_auth.console import documents
from certbot_external_auth.files import standard_descriptors
from certbot_external_auth.signals import dispositions

VERBS: dict[str, tuple[str, str]] = {
    "schema": (
        "certbot_external_auth.console.schema",
        "print the JSON Schema of the lines of mode json and their answers, or of what the other verbs print",
    ),
    "begin": ("certbot_external_auth.sessions.begin", "start Certbot in the background, return with its challenges"),
    "finish": ("certbot_external_auth.sessions.finish", "say that they are published, and see it to its end"),
    "status": ("certbot_external_auth.sessions.status", "what a session waits for, or which there are"),
    "abort": ("certbot_external_auth.sessions.abort", "let a session's Certbot give up and clean up"),
    "check": ("certbot_external_auth.check.verb", "rehearse a handler without a CA"),
    "recover": (
        "certbot_external_auth.recovery.verb",
        "withdraw what killed runs and failed cleanups left behind",
    ),
}
"""Verb to its module and a line of help."""
PRINTED: dict[str, tuple[str, str]] = {
    "call": (
        "certbot_external_auth.recovery.call_verb",
        "run a command with the variables of an env file or a Dehydrated configuration, as a handler has them",
    ),
}
"""The same for what stands in commands that are printed, and prints no document."""


def main(words: Sequence[str] | None = None) -> int:
    """Do what a command line says; the result is the exit code (2: wrong use)."""
    standard_descriptors.complete()
    given = list(sys.argv[1:] if words is None else words)
    parser = argparse.ArgumentParser("certbot-external-auth", description="What is done beside a run of Certbot.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (module, text) in {**VERBS, **PRINTED}.items():
        verb = verbs.add_parser(name, help=text, description=text)
        if name in given[:1]:
            importlib.import_module(module).arguments(verb)
    arguments = parser.parse_args(given)
    dispositions.settle()
    try:
        return int(importlib.import_module({**VERBS, **PRINTED}[arguments.verb][0]).main(arguments))
    except documents.NotPrintedError as error:
        print(error, file=sys.stderr)
        return 1
    except errors.Error as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{arguments.verb} could not do its work: {_said(error)}.", file=sys.stderr)
        return 1


def _said(error: OSError) -> str:
    """What the system has refused, and for which file."""
    return ": ".join(str(one) for one in (error.filename, error.strerror or error) if one is not None)


if __name__ == "__main__":
    sys.exit(main())
