"""Challenge types that acme does not know (any more), made known to it.

acme dropped ``tls-sni-01`` in 1.0 and ``tls-alpn-01`` in 5.0. Certbot loads plugins before it parses
``--preferred-challenges``, so what is registered at import can be named there and is read from the CA's answers.
"""

from __future__ import annotations

import logging

from acme import challenges

logger = logging.getLogger(__name__)

NAMES = {"tls-alpn-01": "TLSALPN01", "tls-sni-01": "TLSSNI01"}


def ensure() -> None:
    """Register what is absent, and leave alone what acme itself or another plugin has registered.

    Certbot compares by class when it chooses (``gen_challenge_path``), so a class that somebody else returns from
    ``get_chall_pref`` must stay the registered one. Never raises: an import of this package must not fail.
    """
    for typ, name in NAMES.items():
        try:
            if typ not in challenges.Challenge.TYPES:
                _register(typ, name)
        except (AttributeError, TypeError) as error:
            logger.debug("acme does not take the challenge type %s: %s", typ, error)


def _register(typ: str, name: str) -> None:
    response = type(f"{name}Response", (challenges.KeyAuthorizationChallengeResponse,), {"typ": typ})
    members = {
        "typ": typ,
        "response_cls": challenges.ChallengeResponse.register(response),
        # acme's generic methods ask for it; what is published is computed by this package.
        "validation": lambda self, account_key, **_: self.key_authorization(account_key),
    }
    challenges.Challenge.register(type(name, (challenges.KeyAuthorizationChallenge,), members))
