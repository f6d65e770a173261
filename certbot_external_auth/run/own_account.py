"""The account of a run, for challenge types whose records depend on it.

Certbot tells a plugin the key of the account with each challenge, and the account's id in its configuration before it
calls `perform`. The URL is only in the account's file.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from certbot_external_auth import accounts
from certbot_external_auth.accounts import Account, AccountError
from certbot_external_auth.challenges import Challenge, dnsaccount01
from certbot_external_auth.errors import GuardError
from certbot_external_auth.text import quoted


def completed(challenges: Sequence[Challenge], config: Any) -> list[Challenge]:
    """Return a batch with the label of the account where the type needs it.

    :param config: Certbot's configuration.
    :raises GuardError: if the account is not known, or its URL cannot be right.
    """
    thumbprints = {one.key_authorization.partition(".")[2] for one in challenges}
    label = dnsaccount01.label(of_run(config, thumbprints).uri)
    return [
        dataclasses.replace(one, account_label=label) if one.type == dnsaccount01.TYPE else one for one in challenges
    ]


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
    if thumbprints != {found.thumbprint}:
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
