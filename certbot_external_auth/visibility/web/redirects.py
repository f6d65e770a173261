"""Judge the answers to http-01, and follow redirects, as a CA does (RFC 8555 section 8.3). Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from certbot_external_auth.endpoint import is_address
from certbot_external_auth.text import quoted

MAX_REDIRECTS = 10
"""The number of redirects to follow. RFC 8555 has no number; Let's Encrypt follows ten."""
STATUSES = (301, 302, 307, 308)
"""Redirects a CA may follow (CA/Browser Forum, Baseline Requirements, section 3.2.2.4.19); 303 is not one of them."""
PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"[!-~]{1,2000}")
# RFC 1035 section 2.3.1, and underscores. The last label of a name is not a number (RFC 1123 section 2.1): some systems
# read a name that ends in a number, decimal, octal or hexadecimal, as an address (inet_aton).
_NAME = re.compile(
    r"(?=.{1,253}\.?\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*"
    r"(?!(?:[0-9]+|0x[0-9a-f]*)\.?\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?"
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class RedirectError(ValueError):
    """A redirect that a CA does not follow; the message says why."""


@dataclass(frozen=True)
class Target:
    """What to ask for.

    :ivar host: a name or an address; IPv6 without brackets.
    :ivar port: the port to connect to.
    :ivar authority: the Host header.
    :ivar path: with the query.
    """

    url: str
    scheme: str
    host: str
    port: int
    authority: str
    path: str


def target(url: str, http_port: int = 80, https_port: int = 443) -> Target:
    """Return what a URL asks for.

    "Dereference the URL using an HTTP GET request. This request MUST be sent to TCP port 80 on the HTTP server." For
    redirects port 443 is allowed too, and no other (Baseline Requirements, sections 1.6.1 and 3.2.2.4.19).

    :param http_port: the port to use for port 80.
    :param https_port: the port to use for port 443.
    :raises RedirectError: if it is not a URL, or has another scheme or port.
    """
    standing = {80: http_port, 443: https_port, http_port: http_port, https_port: https_port}
    parts, port = _split(url)
    if parts.scheme not in PORTS:
        raise RedirectError(f"the URL {quoted(url)} is neither http nor https")
    if port not in standing:
        raise RedirectError(f"the URL {quoted(url)} names port {port}; a CA goes to 80 and 443 only")
    host = parts.hostname or ""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{parts.query}" if parts.query else ""
    authority = parts.netloc.rpartition("@")[2]
    return Target(url, parts.scheme, host, standing[port], authority, path + query)


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        if not _URL.fullmatch(url):
            raise ValueError
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
        if not parts.hostname:
            raise ValueError
    except ValueError:
        raise RedirectError(f"{quoted(url)} is not a URL") from None
    return parts, port


def next_target(now: Target, status: int, location: str | None, http_port: int, https_port: int) -> Target | None:
    """Return where an answer redirects to, None if it is not a redirect.

    "The server SHOULD follow redirects when dereferencing the URL."

    :param location: the Location header, which may be relative to the URL of this answer.
    :raises RedirectError: if a CA would not follow it.
    """
    if status not in STATUSES:
        return None
    if not location:
        raise RedirectError("a redirect that does not say where to")
    location = location.strip()
    try:
        url = location if _ABSOLUTE.match(location) else urljoin(now.url, location)
    except ValueError:
        raise RedirectError(f"{quoted(location)} is not a URL") from None
    # What follows "#" is for browsers and is never sent.
    found = target(url.partition("#")[0], http_port, https_port)
    if not _is_host(found):
        raise RedirectError(f"the URL {quoted(url)} has neither a name nor an address as its host")
    return found


def _is_host(found: Target) -> bool:
    """Tell whether the host is a name, or an address without a zone (Boulder, va/http.go, `extractRequestTarget`)."""
    if found.authority.startswith("["):
        return ":" in found.host and "%" not in found.host and is_address(found.host)
    return _NAME.fullmatch(found.host) is not None or is_address(found.host)


def matches(body: bytes, key_authorization: str) -> bool:
    """Tell whether a body is right.

    "Verify that key authorization provided by the HTTP server matches the key authorization stored by the server";
    "the server SHOULD ignore whitespace characters at the end of the body".
    """
    return body.rstrip(b" \t\r\n") == key_authorization.encode("ascii")
