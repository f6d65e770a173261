"""Challenges that no CA has sent, in the form in which one sends them."""

from __future__ import annotations

import secrets

from certbot_external_auth.challenges import Challenge, tlssni01

DASH = "-"


def challenge(name: str, challenge_type: str, identifier: str, identifier_type: str, dashed: bool) -> Challenge:
    """A challenge with a token and a thumbprint of 256 random bits each (RFC 8555 section 8.1).

    :param name: its id.
    :param dashed: token and value begin with ``-``, each as one of 64 does; else neither does.
    """
    while True:
        token, thumbprint = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        if dashed:
            token = DASH + token[1:]
        found = Challenge(name, challenge_type, identifier, identifier_type, token, f"{token}.{thumbprint}")
        # The value of tls-sni-01 is hexadecimal, so it never begins so.
        value = dashed if challenge_type == tlssni01.TYPE else found.validation.startswith(DASH)
        if token.startswith(DASH) == value == dashed:
            return found
