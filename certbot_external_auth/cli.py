"""The command `certbot-external-auth`. Each of its verbs has a module of its own.

A verb's module has `arguments(parser)`, which adds its flags, and `main(arguments)`, which does the work and returns
the exit code. The command imports only the module of the verb that was typed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import sys
from collections.abc import Collection, Sequence

from certbot import errors

from certbot_external_auth import __version__
from certbot_external_auth.console import documents, terminal_lines
from certbot_external_auth.files import standard_descriptors
from certbot_external_auth.signals import dispositions

NAME = "certbot-external-auth"
VERBS: dict[str, tuple[str, str]] = {
    "schema": (
        "certbot_external_auth.console.schema",
        "print the JSON Schema of the lines of mode json and their answers, or of what the other verbs print",
    ),
    "begin": ("certbot_external_auth.sessions.begin", "start Certbot in the background, and print its challenges"),
    "finish": (
        "certbot_external_auth.sessions.finish",
        "confirm that the challenges are published, wait for the certificate",
    ),
    "status": ("certbot_external_auth.sessions.status", "print what a session waits for, or list the sessions"),
    "abort": ("certbot_external_auth.sessions.abort", "end a session: its Certbot gives up and cleans up"),
    "check": ("certbot_external_auth.check.verb", "try a handler without a CA"),
    "providers": (
        "certbot_external_auth.providers.verb",
        "list the DNS providers that this machine can use, and say which one to take",
    ),
    "doctor": (
        "certbot_external_auth.doctor.verb",
        "list every Certbot of this host, what renews with it, and what does not fit",
    ),
    "persist": (
        "certbot_external_auth.persist.verb",
        "print the records of dns-persist-01, or say whether they stand, without an order",
    ),
    "rehearse": (
        "certbot_external_auth.rehearsal.verb",
        "look at what the next renewal of each certificate needs, without an order",
    ),
    "recover": (
        "certbot_external_auth.recovery.verb",
        "clean up after killed runs and failed cleanups",
    ),
}
"""Verb to its module and a line of help."""
PRINTED: dict[str, tuple[str, str]] = {
    "call": (
        "certbot_external_auth.recovery.call_verb",
        "run a command with the variables that a handler gets from an env file or a Dehydrated configuration",
    ),
    "thumbprint": (
        "certbot_external_auth.thumbprint.verb",
        "print what web servers need to answer http-01 without files (mode stateless)",
    ),
    "plan": ("certbot_external_auth.plan.verb", "print the commands that move certificates from Dehydrated to Certbot"),
}
"""The same for verbs that print no document: `call` stands in commands that others print, `plan` is for people, and
`thumbprint` prints lines of a web server's configuration."""


def main(words: Sequence[str] | None = None) -> int:
    """Carry out a command line, and return the exit code: 0 done, 1 failed, 2 wrong use, or one of the verb's own."""
    standard_descriptors.complete()
    given = list(sys.argv[1:] if words is None else words)
    try:
        arguments = _parsed(parser(given[:1]), given)
        dispositions.settle()
        return int(importlib.import_module({**VERBS, **PRINTED}[arguments.verb][0]).main(arguments))
    except documents.NotPrintedError as error:
        terminal_lines.complain(str(error))
        return 1
    except errors.Error as error:
        terminal_lines.complain(str(error))
        return 2
    except OSError as error:
        terminal_lines.complain(f"{given[0]} failed: {_described(error)}.")
        return 1


def parser(complete: Collection[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command, from which the man pages and the shell's completion are made, too.

    :param complete: the verbs that get their flags; None for all of them.
    """
    made = argparse.ArgumentParser(NAME, description="Tools for the Certbot plugin external-auth.")
    made.add_argument("--version", action="version", version=__version__)
    verbs = made.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (module, text) in {**VERBS, **PRINTED}.items():
        verb = verbs.add_parser(name, help=text, description=text)
        if complete is None or name in complete:
            importlib.import_module(module).arguments(verb)
    return made


def _parsed(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    :raises SystemExit: for wrong use, or after the help or the version was printed.
    :raises documents.NotPrintedError: if the help or the version could not be printed, which argparse ignores.
    """
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            return parser.parse_args(words)
    except SystemExit:
        if printed.getvalue():
            documents.put(printed.getvalue().rstrip("\n"), "The text")
        raise


def _described(error: OSError) -> str:
    """Return the file that the system refused, and why."""
    return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part is not None)


if __name__ == "__main__":
    # Commands that earlier versions printed start this module.
    sys.exit(main())
