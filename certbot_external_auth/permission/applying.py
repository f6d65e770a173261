"""Find out who asks for a certificate: the CA's names from its directory, the account from Certbot's files."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from certbot_external_auth.accounts import directory, stored
from certbot_external_auth.accounts.directory import DirectoryError
from certbot_external_auth.errors import UsageError
from certbot_external_auth.permission.finding import Applicant

logger = logging.getLogger(__name__)

Meta = Callable[[str], Mapping[str, Any]]
"""A function that returns the field ``meta`` of a CA's directory; see `directory.meta`."""
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}")


def applicant(
    server: str, config_dir: str, account: str, types: Sequence[str], meta: Meta = directory.meta
) -> Applicant:
    """Return who asks, as far as that can be found out. Asks the CA for its directory.

    :param server: the URL of the directory.
    :param account: the id of the account in Certbot's files; empty for the only one.
    :param types: the challenge types that can be used.
    :param meta: reads the directory.
    """
    try:
        names = issuers(meta(server))
    except DirectoryError as error:
        logger.debug("The directory %s cannot be read: %s", server, error)
        names = ()
    return Applicant(names, _account_uri(config_dir, server, account), tuple(types))


def issuers(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names by which CAA records know a CA: ``caaIdentities`` (RFC 8555 section 7.1.1)."""
    listed = meta.get("caaIdentities")
    names = [name.lower() for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    return tuple(dict.fromkeys(name for name in names if _NAME.fullmatch(name)))


def _account_uri(config_dir: str, server: str, account: str) -> str | None:
    """Return the URI of the account (RFC 8555 section 7.3); None if it is not known, or one of several."""
    try:
        return stored.chosen(config_dir, server, account).uri
    except UsageError as error:
        logger.debug("The account is not known: %s", error)
        return None
