"""Find out who asks for a certificate: the CA's names from its directory, the account from Certbot's files."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from certbot_external_auth.files import regular_file
from certbot_external_auth.permission.finding import Applicant

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0
MAX_BYTES = 100_000
"""Of a directory, and of an account's file."""
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}")


def applicant(server: str, config_dir: str, account: str, types: Sequence[str]) -> Applicant:
    """Return who asks, as far as that can be found out. Asks the CA for its directory.

    :param server: the URL of the directory.
    :param account: the id of the account in Certbot's files; empty for the only one.
    :param types: the challenge types that can be used.
    """
    return Applicant(issuers(_directory(server)), account_uri(config_dir, server, account), tuple(types))


def issuers(directory: Any) -> tuple[str, ...]:
    """Return the names by which CAA records know a CA: ``caaIdentities`` (RFC 8555 section 7.1.1)."""
    meta = directory.get("meta") if isinstance(directory, dict) else None
    listed = meta.get("caaIdentities") if isinstance(meta, dict) else None
    names = [name.lower() for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    return tuple(dict.fromkeys(name for name in names if _NAME.fullmatch(name)))


def account_uri(config_dir: str, server: str, account: str) -> str | None:
    """Return the URI of the account (RFC 8555 section 7.3); None if it is not known, or one of several."""
    place = urlsplit(server)
    folder = os.path.join(config_dir, "accounts", place.netloc, *place.path.strip("/").split("/"))
    with contextlib.suppress(OSError, ValueError):
        known = [account] if account else os.listdir(folder)
        if len(known) == 1:
            registration = json.loads(regular_file.read(os.path.join(folder, known[0], "regr.json"), MAX_BYTES))
            uri = registration.get("uri") if isinstance(registration, dict) else None
            return uri if isinstance(uri, str) and uri else None
    return None


def _directory(server: str) -> Any:
    """Return the CA's directory; None if it cannot be had."""
    # Certbot has loaded it; the verbs of our own need it only here.
    import requests

    try:
        with requests.get(server, timeout=LIMIT_SECONDS, stream=True, headers={"Accept": "application/json"}) as reply:
            content = reply.raw.read(MAX_BYTES, decode_content=True)
        return json.loads(content) if reply.ok else None
    except (requests.RequestException, OSError, ValueError, RecursionError) as error:
        logger.debug("The directory %s cannot be read: %s", server, error)
        return None
