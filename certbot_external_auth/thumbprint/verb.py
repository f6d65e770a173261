"""The verb `thumbprint`: prints the thumbprint of Certbot's account, or the lines for a web server."""

from __future__ import annotations

import argparse

from certbot_external_auth.accounts import stored
from certbot_external_auth.console import certbot_folders, documents
from certbot_external_auth.thumbprint import snippets


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    parser.add_argument("--server", metavar="URL", help="the CA's directory (default: from cli.ini, else Certbot's)")
    parser.add_argument("--account", metavar="ID", help="id of the account, or its beginning, if there are several")
    parser.add_argument(
        "--format",
        choices=tuple(snippets.FORMATS),
        help="print the lines for this web server (default: the thumbprint alone)",
    )
    certbot_folders.arguments(parser, "config-dir")


def main(given: argparse.Namespace) -> int:
    """Print it, and return the exit code.

    :raises UsageError: if there is no such account, or its files cannot be read.
    """
    config_dir, _ = certbot_folders.found({"config-dir": given.config_dir})
    account = stored.chosen(config_dir, certbot_folders.server(given.server), given.account)
    write = snippets.FORMATS.get(given.format, str)
    documents.put(write(account.thumbprint), "The thumbprint")
    return 0
