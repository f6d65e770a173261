"""An ACME account, as Certbot stores it: `regr.json` with its URL, and `private_key.json` with its key."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from typing import Any, cast

from certbot_external_auth.files import regular_file

MAX_BYTES = 100_000
"""Longest file of an account that is read. An RSA key of 16384 bits has 13000 characters."""


class AccountError(ValueError):
    """The files of an account cannot be used; the message says why."""


@dataclass(frozen=True)
class Account:
    """An account.

    :ivar uri: its URL, as the CA gave it (RFC 8555 section 7.3).
    :ivar thumbprint: of its key, in base64url (RFC 7638 section 3).
    """

    uri: str
    thumbprint: str


def read(folder: str) -> Account:
    """Read an account.

    :param folder: of the account, below Certbot's ``accounts``.
    :raises AccountError: if that is not possible.
    """
    uri = _object(os.path.join(folder, "regr.json")).get("uri")
    if not isinstance(uri, str) or not uri:
        raise AccountError(f"{os.path.join(folder, 'regr.json')} has no account URL")
    return Account(uri, _thumbprint(os.path.join(folder, "private_key.json")))


def _object(path: str) -> dict[str, Any]:
    try:
        value = json.loads(regular_file.read(path, MAX_BYTES))
    except OSError as error:
        raise AccountError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise AccountError(f"{path} is not JSON") from None
    if not isinstance(value, dict):
        raise AccountError(f"{path} is not a JSON object")
    return value


def _thumbprint(path: str) -> str:
    # Certbot has loaded it; a verb of our own needs it only here.
    from josepy import errors, jwk

    members = _object(path)
    try:
        key = cast(jwk.JWK, jwk.JWK.from_json(members))
        return base64.urlsafe_b64encode(key.thumbprint()).rstrip(b"=").decode("ascii")
    except (errors.Error, ValueError, TypeError, LookupError, AttributeError):
        # The error of a library may quote the key.
        raise AccountError(f"{path} is not a key") from None
