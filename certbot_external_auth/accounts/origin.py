"""Whether an account URL belongs to a CA. Pure functions.

The CA chooses the URL of an account (RFC 8555 section 7.3). It becomes part of a record's name or value, so a hostile
server could name an account of its own at another CA.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# RFC 8657 section 3 puts the URL into a parameter of a CAA-like record, whose values have no blank and no semicolon
# (RFC 8659 section 4.2). A quotation mark or a backslash would need another form in a zone file.
_URL = re.compile(r"https?://(?![^/]*@)[!#-:<-\[\]-~]{1,1000}")
_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of a URL (RFC 6454 section 4); None if it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    return (parts.scheme, host, port) if host and parts.scheme in _PORTS else None


def foreign(account: str, server: str) -> bool:
    """Tell whether an account URL cannot belong to a CA: it is not a plain URL, or has another origin.

    :param server: URL of the CA's directory.
    """
    return _URL.fullmatch(account) is None or origin(account) is None or origin(account) != origin(server)
