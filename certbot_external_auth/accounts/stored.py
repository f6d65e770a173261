"""The accounts in Certbot's configuration directory, and which of them Certbot uses.

Certbot keeps each account in ``accounts/HOST/PATH/ID`` below its configuration directory, HOST and PATH being those of
the CA's directory.
"""

from __future__ import annotations

import os
import shlex
import urllib.parse

from certbot_external_auth.accounts.account import Account, AccountError, read
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.errors import UsageError

FOLDER = "accounts"
_HELP = "Run this as the user who runs Certbot, or name --config-dir."


def folder(config_dir: str, server: str) -> str:
    """Return the folder with the accounts for a CA. :param server: URL of the CA's directory."""
    parts = urllib.parse.urlsplit(server)
    return os.path.join(config_dir, FOLDER, *f"{parts.netloc}{parts.path}".split("/"))


def stored(config_dir: str, server: str) -> dict[str, Account]:
    """Return all accounts for a CA by their ids (``--account``), in order.

    :raises UsageError: if the folder or an account cannot be read.
    """
    try:
        place = folder(config_dir, server)
    except ValueError:
        raise UsageError([f"{server} is not the URL of a CA's directory; correct it."]) from None
    try:
        ids = sorted(name for name in os.listdir(place) if os.path.isdir(os.path.join(place, name)))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError([f"{place} cannot be read: {error.strerror}. {_HELP}"]) from None
    try:
        return {each: read(os.path.join(place, each)) for each in ids}
    except AccountError as error:
        raise UsageError([f"{error}. {_HELP}"]) from None


def chosen(config_dir: str, server: str, account_id: str | None = None) -> Account:
    """Return the account that Certbot would use.

    :param account_id: the id, or its beginning, if there are several (Certbot's ``--account``).
    :raises UsageError: if there is none, or the choice is not clear; it says what to type.
    """
    found = stored(config_dir, server)
    fitting = [each for each in found if each.startswith(account_id or "")]
    if len(fitting) == 1:
        return found[fitting[0]]
    if not found:
        raise UsageError(
            [f"Certbot has no account at {server}. To make one: {register_command(config_dir, server)}"],
        )
    ids = ", ".join(f"{each} ({account.uri})" for each, account in found.items())
    if not fitting:
        raise UsageError([f"No account at {server} has the id {account_id}. There are: {ids}"])
    raise UsageError([f"There are several accounts at {server}. Choose one with --account: {ids}"])


def register_command(config_dir: str, server: str) -> str:
    """Return the command that makes an account."""
    words = ["certbot", "register", "--agree-tos", "-m", "you@example.org", "--server", server]
    more = [] if config_dir == certbot_folders.DEFAULTS["config-dir"] else ["--config-dir", config_dir]
    return shlex.join([*words, *more])
