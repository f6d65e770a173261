"""Registers challenge types with the acme library that it does not know, or no longer knows.

acme dropped ``tls-sni-01`` in 1.0 and ``tls-alpn-01`` in 5.0, and does not have ``dns-account-01`` yet. Certbot loads
plugins before it parses ``--preferred-challenges``. So a type that is registered at import can be named there, and acme
reads it from the CA's answers.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from acme import challenges
from josepy import json_util

logger = logging.getLogger(__name__)

PERSISTENT = "dns-persist-01"
NAMES = {"tls-alpn-01": "TLSALPN01", "tls-sni-01": "TLSSNI01", "dns-account-01": "DNSACCOUNT01"}


def ensure() -> None:
    """Register the types that are missing, and leave alone those that acme or another plugin has registered.

    Certbot compares classes when it chooses a challenge (``gen_challenge_path``). So the class that another plugin
    returns from ``get_chall_pref`` must stay registered. Never raises: importing this package must not fail.
    """
    for typ in (*NAMES, PERSISTENT):
        try:
            if typ not in challenges.Challenge.TYPES:
                _register_persistent() if typ == PERSISTENT else _register(typ, NAMES[typ])
        except (AttributeError, TypeError, ValueError) as error:
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


def _register_persistent() -> None:
    """Register dns-persist-01, whose challenges have no token, in the form of each draft.

    The class is one of key authorizations all the same: Certbot 2.1 fails for any other class it does not know, and
    newer ones pass the account's key only with these.
    """
    response = type("DNSPERSIST01Response", (challenges.ChallengeResponse,), {"typ": PERSISTENT, "__bool__": _true})
    members = {
        "typ": PERSISTENT,
        "response_cls": challenges.ChallengeResponse.register(response),
        "response": lambda self, account_key: self.response_cls(),
        "key_authorization": _thumbprint,
        "validation": lambda self, account_key, **_: "",
        "token": _optional("token"),
        "issuers": _optional("issuerDomainNames"),
        "older_issuers": _optional("issuer-domain-names"),
        "account_uri": _optional("accounturi"),
    }
    challenges.Challenge.register(type("DNSPERSIST01", (challenges.KeyAuthorizationChallenge,), members))


def _true(self: object) -> bool:
    """Return True: acme sends an object without fields, which would be false, as an empty body instead of ``{}``."""
    return True


def _optional(name: str) -> Any:
    """Return a field that the server may leave out, and that may have any value, for the plugin to judge.

    It is kept as JSON text, because the library wants values that do not change.
    """
    return json_util.Field(name, default=None, omitempty=True, decoder=json.dumps, encoder=json.loads)


def _thumbprint(self: object, account_key: Any) -> str:
    """Return the end of a key authorization, which has no token here (RFC 8555 section 8.1)."""
    return "." + json_util.encode_b64jose(account_key.thumbprint())
