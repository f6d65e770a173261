"""The verb `call` of the command `certbot-external-auth`: run a command with the variables that a handler gets.

The commands that `recover` prints use it. It reads an env file and a Dehydrated configuration as a run does, so that
no value in them has to be shown.
"""

from __future__ import annotations

import argparse
import os
import sys

from certbot_external_auth.handler_setup import dehydrated_config, env_file, run_as
from certbot_external_auth.handler_setup.environment import handler_environment


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this verb."""
    parser.add_argument("--env-file", help="the file that --external-auth-env-file named")
    parser.add_argument("--dehydrated-config", help="the file that --external-auth-dehydrated-config named")
    parser.add_argument("--run-as", metavar="USER[:GROUP]", help="the user that --external-auth-run-as named")
    parser.add_argument("command", nargs="+", metavar="WORD", help="the command, after --")


def main(arguments: argparse.Namespace) -> int:
    """Replace this process by the command.

    :returns: 127 if the command cannot be started.
    :raises UsageError: if a file cannot be read, other users may change it, or there is no such user.
    """
    user = None if arguments.run_as is None else run_as.user(arguments.run_as)
    environment = handler_environment(os.environ)
    if user is not None:
        environment = run_as.environment(environment, user)
    env = None if arguments.env_file is None else os.path.abspath(arguments.env_file)
    if env is not None:
        environment.update(env_file.trusted(env))
    if arguments.dehydrated_config is not None:
        environment.update(dehydrated_config.read(os.path.abspath(arguments.dehydrated_config), env_file=env).exports)
    try:
        if user is not None:
            user.become()
        os.execvpe(arguments.command[0], arguments.command, environment)
    except OSError as error:
        print(f"{arguments.command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
