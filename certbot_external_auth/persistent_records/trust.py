"""What a server may say in an offer of dns-persist-01. Pure functions.

A record names for good the account that may have certificates. So a server that lies must not bring an administrator to
publish a record with the name of another CA's account, or with more parameters than the plugin wants.
"""

from __future__ import annotations

import re
import urllib.parse

MAX_URI_CHARACTERS = 1000
"""Of an account's URL, or of the beginning of a hashed one."""
# Lower case, A-labels, no dot at the end (draft-ietf-acme-dns-persist, section on the challenge object).
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ISSUER = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
# RFC 3986 section 2 without the semicolon, which would begin another parameter of the record.
_URI = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,=%]+")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_PORTS = {"https": 443, "http": 80}


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


def origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of a URL (RFC 6454 section 4); None if it has none, or has a user's name."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if port is None or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname.lower(), port


def is_account_of(uri: str, directory: str) -> bool:
    """Tell whether an account's URL can stand in a record, and lies at the server whose directory this is."""
    own = origin(directory)
    return is_uri(uri) and own is not None and origin(uri) == own
