"""The accounts in Certbot's configuration directory: their URL at the CA, and the thumbprint of their key.

Certbot keeps each account in ``accounts/HOST/PATH/ID`` below its configuration directory, HOST and PATH being those of
the CA's directory. ``regr.json`` has the account's URL, and ``private_key.json`` has the key as a JWK.
"""

from __future__ import annotations

import json
import os
import shlex
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import regular_file

MAX_BYTES = 1_000_000
"""Longest file of an account, in bytes, that is read."""
FOLDER = "accounts"
DEFAULT_CONFIG_DIR = "/etc/letsencrypt"


@dataclass(frozen=True)
class Account:
    """An account as Certbot stores it.

    :ivar id: Certbot's name of the account (``--account``).
    :ivar server: URL of the CA's directory.
    :ivar uri: the account's URL at the CA (RFC 8555 section 7.3).
    :ivar thumbprint: RFC 7638 thumbprint of the key, in base64url.
    """

    id: str
    server: str
    uri: str
    thumbprint: str


def folder(config_dir: str, server: str) -> str:
    """Return the folder with the accounts for a CA. :param server: URL of the CA's directory."""
    parts = urllib.parse.urlsplit(server)
    return os.path.join(config_dir, FOLDER, *f"{parts.netloc}{parts.path}".split("/"))


def stored(config_dir: str, server: str) -> list[Account]:
    """Return all accounts for a CA, by id.

    :raises UsageError: if the folder or an account cannot be read.
    """
    place = folder(config_dir, server)
    try:
        ids = sorted(name for name in os.listdir(place) if os.path.isdir(os.path.join(place, name)))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError([_unreadable(place, error.strerror or str(error))]) from None
    return [_account(os.path.join(place, each), server) for each in ids]


def chosen(config_dir: str, server: str, account_id: str | None = None) -> Account:
    """Return the account that Certbot would use.

    :param account_id: the id, or its beginning, if there are several (Certbot's ``--account``).
    :raises UsageError: if there is none, or the choice is not clear; it says what to type.
    """
    found = stored(config_dir, server)
    fitting = [one for one in found if one.id.startswith(account_id or "")]
    if len(fitting) == 1:
        return fitting[0]
    if not found:
        raise UsageError(
            [f"Certbot has no account at {server}. To make one: {register_command(config_dir, server)}"],
        )
    ids = ", ".join(one.id for one in found)
    if not fitting:
        raise UsageError([f"No account at {server} has the id {account_id}. There are: {ids}"])
    raise UsageError([f"There are several accounts at {server}. Choose one with --account: {ids}"])


def register_command(config_dir: str, server: str) -> str:
    """Return the command that makes an account."""
    words = ["certbot", "register", "--agree-tos", "-m", "you@example.org", "--server", server]
    more = [] if config_dir == DEFAULT_CONFIG_DIR else ["--config-dir", config_dir]
    return shlex.join([*words, *more])


def _account(place: str, server: str) -> Account:
    uri = _json(os.path.join(place, "regr.json")).get("uri")
    if not isinstance(uri, str) or not uri:
        raise UsageError([_unreadable(os.path.join(place, "regr.json"), "it has no URL of the account")])
    return Account(os.path.basename(place), server, uri, _thumbprint(os.path.join(place, "private_key.json")))


def _thumbprint(path: str) -> str:
    from josepy import errors
    from josepy.json_util import encode_b64jose
    from josepy.jwk import JWK

    content = _json(path)
    try:
        key = JWK.from_json(content)
        assert isinstance(key, JWK)
        return encode_b64jose(key.thumbprint())
    except (errors.Error, ValueError, TypeError, KeyError) as error:
        # The text of an error may have parts of the key.
        raise UsageError([_unreadable(path, f"it has no key ({type(error).__name__})")]) from None


def _json(path: str) -> Mapping[str, Any]:
    try:
        content = json.loads(regular_file.read(path, MAX_BYTES))
    except OSError as error:
        raise UsageError([_unreadable(path, error.strerror or str(error))]) from None
    except (ValueError, RecursionError):
        raise UsageError([_unreadable(path, "it is not JSON")]) from None
    if not isinstance(content, dict):
        raise UsageError([_unreadable(path, "it is not a JSON object")])
    return content


def _unreadable(path: str, why: str) -> str:
    return f"{path} cannot be used: {why}. Run this as the user who runs Certbot, or name --config-dir."
