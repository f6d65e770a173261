"""Whether the calls that hand a certificate over reached something that takes it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from certbot_external_auth.dialects import Call
from certbot_external_auth.settings import Settings

_PUBLISHING = re.compile(r"\b(?:perform|deploy_challenge|challenge-(?:dns|http)-start)\b")
"""Operations by which a script shows that it lists the ones it knows."""


def unknown_operation(
    calls: Sequence[Call], declined: Collection[str], silent: Collection[str], script: str
) -> str | None:
    """Return the operation that would have handed the certificate over, and that the handler does not know.

    It has declined the operation; or it printed nothing, and its script has the name of another operation and not of
    this one. Many handlers end with success at a word that they do not know.

    :param calls: all that were made.
    :param declined: operations that the handler does not implement.
    :param silent: operations at which it printed nothing.
    :param script: the beginning of its text; empty if it is not a script.
    """
    needed = [call.operation for call in calls if not call.optional]
    lists = _PUBLISHING.search(script) is not None
    unknown = [each for each in needed if each in declined or (lists and each in silent and each not in script)]
    return unknown[0] if unknown == needed and unknown else None


def without_call(settings: Settings) -> str:
    """Say that a dialect, or a provider, has no call for a certificate."""
    who = f"the dialect {settings.dialect} has" if settings.provider is None else "a provider has"
    return (
        f"Nobody was given the certificate: {who} no call for that. Name a command with "
        "--external-auth-deploy-handler, or choose this plugin only as authenticator (-a external-auth)."
    )


def not_known(handler: str, operation: str) -> str:
    """Say that a handler does not know the call for a certificate."""
    return (
        f"The handler {handler} does not seem to know {operation}, so nobody was given the certificate. Let it do at "
        f"{operation} what is to be done with a certificate. If that is nothing, let it accept {operation} by name."
    )
