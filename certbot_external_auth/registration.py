"""Registers challenge types with the acme library that it does not know, or no longer knows.

acme dropped ``tls-sni-01`` in 1.0 and ``tls-alpn-01`` in 5.0, and does not have ``dns-account-01`` yet. Certbot loads
plugins before it parses ``--preferred-challenges``. So a type that is registered at import can be named there, and acme
reads it from the CA's answers.
"""

from __future__ import annotations

import logging

from acme import challenges

logger = logging.getLogger(__name__)

NAMES = {"tls-alpn-01": "TLSALPN01", "tls-sni-01": "TLSSNI01", "dns-account-01": "DNSACCOUNT01"}


def ensure() -> None:
    """Register the types that are missing, and leave alone those that acme or another plugin has registered.

    Certbot compares classes when it chooses a challenge (``gen_challenge_path``). So the class that another plugin
    returns from ``get_chall_pref`` must stay registered. Never raises: importing this package must not fail.
    """
    for typ, name in NAMES.items():
        try:
            if typ not in challenges.Challenge.TYPES:
                _register(typ, name)
        except (AttributeError, TypeError) as error:
            logger.debug("The challenge type %s cannot be registered with acme: %s", typ, error)


def _register(typ: str, name: str) -> None:
    response = type(f"{name}Response", (challenges.KeyAuthorizationChallengeResponse,), {"typ": typ})
    members = {
        "typ": typ,
        "response_cls": challenges.ChallengeResponse.register(response),
        # acme's generic methods need it. This package computes the value to publish itself.
        "validation": lambda self, account_key, **_: self.key_authorization(account_key),
    }
    challenges.Challenge.register(type(name, (challenges.KeyAuthorizationChallenge,), members))
