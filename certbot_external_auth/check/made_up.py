"""Challenges in the form in which a CA sends them, made here."""

from __future__ import annotations

import dataclasses
import secrets

from certbot_external_auth.challenges import Challenge, dnsaccount01, tlssni01

DASH = "-"


def account_label() -> str:
    """Make the label of an account that does not exist."""
    return dnsaccount01.label(f"https://ca.invalid/{secrets.token_urlsafe(16)}")


def challenge(
    name: str, challenge_type: str, identifier: str, identifier_type: str, dashed: bool, label: str | None = None
) -> Challenge:
    """Make a challenge with a token and a thumbprint of 256 random bits each (RFC 8555 section 8.1).

    :param name: the challenge's id.
    :param label: `account_label` for dns-account-01.
    :param dashed: both the token and the value begin with ``-``, as one in 64 does; otherwise neither does.
    """
    while True:
        token, thumbprint = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        if dashed:
            token = DASH + token[1:]
        made = Challenge(name, challenge_type, identifier, identifier_type, token, f"{token}.{thumbprint}")
        made = dataclasses.replace(made, account_label=label)
        # The value of tls-sni-01 is hexadecimal, so it never begins with a dash.
        value_as_wished = made.type == tlssni01.TYPE or made.validation.startswith(DASH) == dashed
        if token.startswith(DASH) == dashed and value_as_wished:
            return made
