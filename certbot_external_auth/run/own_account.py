"""The account of a run, for challenge types whose records depend on it.

Certbot tells a plugin the key of the account with each challenge, and the account's id in its configuration before it
calls `perform`. The URL is only in the account's file.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from certbot_external_auth import accounts, persistent_records
from certbot_external_auth.accounts import Account, AccountError, directory
from certbot_external_auth.challenges import Challenge, dnsaccount01
from certbot_external_auth.errors import GuardError
from certbot_external_auth.persistent_records import Need, OfferError, wording
from certbot_external_auth.text import quoted


def completed(challenges: Sequence[Challenge], config: Any, asked: Collection[str] | None) -> list[Challenge]:
    """Return a batch with what its records need to know of the account.

    :param config: Certbot's configuration.
    :param asked: names that were asked for, wildcards with ``*.``; None if they are unknown.
    :raises GuardError: if the account is not known, its URL cannot be right, or an offer of the CA cannot be used.
    """
    thumbprints = {one.key_authorization.partition(".")[2] for one in challenges} - {""}
    account = of_run(config, thumbprints)
    meta = _meta(config) if any(one.persists for one in challenges) else {}
    wildcards = _wildcards(challenges, asked)
    return [_completed(one, account, meta, wildcards) for one in challenges]


def _completed(
    challenge: Challenge, account: Account, meta: Mapping[str, Any], wildcards: Mapping[str, bool]
) -> Challenge:
    if challenge.type == dnsaccount01.TYPE:
        return dataclasses.replace(challenge, account_label=dnsaccount01.label(account.uri))
    if not challenge.persists:
        return challenge
    name = challenge.identifier.lower()
    try:
        terms = persistent_records.of_challenge(meta, challenge.offer or {}, account.uri)
    except OfferError as error:
        raise GuardError([wording.offer(error)]) from error
    return dataclasses.replace(
        challenge, key_authorization="", need=Need(name, wildcards.get(name, False), terms, account)
    )


def _wildcards(challenges: Sequence[Challenge], asked: Collection[str] | None) -> Mapping[str, bool]:
    """Return which names need a record that allows wildcards. Certbot does not tell it with the challenge."""
    if asked is not None:
        return persistent_records.proven(asked)
    # A name has two authorizations if its wildcard is in the certificate, too (RFC 8555 section 7.1.4).
    counts = Counter(one.identifier.lower() for one in challenges)
    return {name: count > 1 for name, count in counts.items()}


def _meta(config: Any) -> Mapping[str, Any]:
    """Return ``meta`` of the CA's directory.

    :raises GuardError: if it cannot be read: without it, the plugin does not know which form of record the CA wants.
    """
    try:
        return directory.meta(str(config.server), not config.no_verify_ssl)
    except directory.DirectoryError as error:
        raise GuardError(
            [
                f"The plugin could not read the CA's directory {quoted(str(config.server))}, which says what a record "
                f"of dns-persist-01 must contain: {error}. Run Certbot again."
            ]
        ) from error


def of_run(config: Any, thumbprints: set[str]) -> Account:
    """Return the account of this run.

    :param thumbprints: of the keys that Certbot passed with the challenges (RFC 8555 section 8.1).
    :raises GuardError: if it is not known, or does not belong to the server.
    """
    server = str(config.server or "")
    try:
        found = accounts.read(os.path.join(config.accounts_dir, str(config.account or "")))
    except AccountError as error:
        raise GuardError([f"The plugin does not know the URL of the account: {error}."]) from error
    if not thumbprints <= {found.thumbprint}:
        raise GuardError(["The key of the account in Certbot's files is not the key that Certbot uses now."])
    if accounts.foreign(found.uri, server):
        raise GuardError(
            [
                f"The account has the URL {quoted(found.uri)}, which does not belong to the server {quoted(server)}. "
                "A record with it could let another account have certificates. Register an account at this server "
                "(certbot unregister, then certbot register), or use another challenge type."
            ]
        )
    return found
