"""Words of command lines that many tests share."""

from __future__ import annotations

RENEW = ("renew", "--no-random-sleep-on-renew")
RENEW_NOW = (*RENEW, "--force-renewal")
BOTH = ("--configurator", "external-auth")
AUTHENTICATOR = ("-a", "external-auth")
JSON = ("-n", *AUTHENTICATOR, "--external-auth-mode", "json")


def names(*domains: str) -> list[str]:
    return [word for domain in domains for word in ("-d", domain)]


def handler(path: str, *more: str) -> list[str]:
    """Return the words for a handler as authenticator, without questions."""
    return ["-n", *AUTHENTICATOR, "--external-auth-handler", path, *more]


def handler_for_both(path: str, *more: str) -> list[str]:
    """The same, as installer too."""
    return ["-n", *BOTH, "--external-auth-handler", path, *more]
