"""What a server may say in an offer of dns-persist-01. Pure functions.

A record names for good the account that may have certificates. So a server that lies must not bring an administrator to
publish a record with the name of another CA's account, or with more parameters than the plugin wants.
"""

from __future__ import annotations

import re

MAX_URI_CHARACTERS = 1000
"""Of an account's URL, or of the beginning of a hashed one."""
# Lower case, A-labels, no dot at the end (draft-ietf-acme-dns-persist, section on the challenge object).
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ISSUER = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
# RFC 3986 section 2 without the semicolon, which would begin another parameter of the record.
_URI = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,=%]+")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


def is_issuer(name: object) -> bool:
    """Tell whether a text is a normalized name of a CA. Also a name of only digits is not one, but an address."""
    return isinstance(name, str) and _ISSUER.fullmatch(name) is not None and not name.replace(".", "").isdigit()


def is_uri(text: object) -> bool:
    """Tell whether a text is a URI that can stand in a record."""
    return (
        isinstance(text, str)
        and len(text) <= MAX_URI_CHARACTERS
        and _URI.fullmatch(text) is not None
        and _SCHEME.fullmatch(text) is not None
    )


def is_thumbprint(text: object) -> bool:
    """Tell whether a text is the base64url form of a SHA-256 thumbprint (RFC 7638 section 3)."""
    return isinstance(text, str) and _THUMBPRINT.fullmatch(text) is not None
