"""The verb `plan`: prints how to move from Dehydrated to Certbot, and changes nothing."""

from __future__ import annotations

import argparse
import logging
import os

EXAMPLE = """\
example:
  certbot-external-auth plan --dehydrated-config /etc/dehydrated/config

It prints a command for each line of domains.txt, and what else on this machine names Dehydrated's folder. It changes
nothing. Exit code: 0 if every line has become a command, 1 if not, 2 for wrong use.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a parser."""
    from certbot_external_auth.console import certbot_folders

    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = ("--dehydrated-config", "--external-auth-dehydrated-config")
    parser.add_argument(*names, required=True, metavar="FILE", help="Dehydrated's configuration")
    text = "the handler's env file, whose variables the configuration may use"
    parser.add_argument("--env-file", "--external-auth-env-file", metavar="FILE", help=text)
    certbot_folders.arguments(parser, "config-dir")


def main(given: argparse.Namespace, root: str = "/") -> int:
    """Print the plan, and return the exit code.

    :param root: where the files of this machine's services begin.
    :raises UsageError: if the configuration or domains.txt cannot be read.
    """
    from certbot_external_auth.console import certbot_folders, documents
    from certbot_external_auth.plan import making, report

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    config_dir, _ = certbot_folders.found({"config-dir": given.config_dir})
    env_file = None if given.env_file is None else os.path.abspath(given.env_file)
    plan = making.make(os.path.abspath(given.dehydrated_config), config_dir, root, env_file)
    documents.put(report.text(plan), "The plan")
    return 0 if plan.complete else 1
