"""What a CA makes of the answers to http-01, RFC 8555 section 8.3: pure functions, nothing is asked here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from certbot_external_auth.endpoint import is_address
from certbot_external_auth.text import quoted

MAX_REDIRECTS = 10
"""Redirects that are followed; RFC 8555 has no number, Let's Encrypt follows ten."""
STATUSES = (301, 302, 307, 308)
"""Redirects a CA may follow (CA/Browser Forum, Baseline Requirements, section 3.2.2.4.19); 303 is none of them."""
PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"[!-~]{1,2000}")
# RFC 1035 section 2.3.1 with underscores. The last label of a name is not a number (RFC 1123 section 2.1); what ends in
# one, some systems take for an address, in decimal, octal or hexadecimal (inet_aton).
_NAME = re.compile(
    r"(?=.{1,253}\.?\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*"
    r"(?!(?:[0-9]+|0x[0-9a-f]*)\.?\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?"
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class RedirectError(ValueError):
    """A redirect that a CA does not follow; the message says why."""


@dataclass(frozen=True)
class Target:
    """What is asked for next.

    :ivar host: a name or an address, IPv6 without brackets. :ivar port: where it is asked.
    :ivar authority: the Host header. :ivar path: with the query.
    """

    url: str
    scheme: str
    host: str
    port: int
    authority: str
    path: str


def target(url: str, http_port: int = 80, https_port: int = 443) -> Target:
    """What a URL asks for.

    "Dereference the URL using an HTTP GET request. This request MUST be sent to TCP port 80 on the HTTP server." For
    redirects port 443 comes to it, and no other (Baseline Requirements, sections 1.6.1 and 3.2.2.4.19).

    :param http_port: what stands for port 80 here. :param https_port: what stands for port 443.
    :raises RedirectError: for another scheme or port, or what is no URL.
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
        raise RedirectError(f"{quoted(url)} is no URL") from None
    return parts, port


def next_target(now: Target, status: int, location: str | None, http_port: int, https_port: int) -> Target | None:
    """Where an answer leads, None if it is the last one.

    "The server SHOULD follow redirects when dereferencing the URL."

    :param location: the Location header; a relative one is taken from where it was found.
    :raises RedirectError: if it leads nowhere a CA would go.
    """
    if status not in STATUSES:
        return None
    if not location:
        raise RedirectError("a redirect that does not say where to")
    location = location.strip()
    try:
        url = location if _ABSOLUTE.match(location) else urljoin(now.url, location)
    except ValueError:
        raise RedirectError(f"{quoted(location)} is no URL") from None
    # Everything behind "#" is for browsers and never sent.
    found = target(url.partition("#")[0], http_port, https_port)
    if not _is_host(found):
        raise RedirectError(f"the URL {quoted(url)} has neither a name nor an address where a host must stand")
    return found


def _is_host(found: Target) -> bool:
    """Let's Encrypt goes to names and to addresses without a zone (Boulder, va/http.go, `extractRequestTarget`)."""
    if found.authority.startswith("["):
        return ":" in found.host and "%" not in found.host and is_address(found.host)
    return _NAME.fullmatch(found.host) is not None or is_address(found.host)


def matches(body: bytes, key_authorization: str) -> bool:
    """ "Verify that key authorization provided by the HTTP server matches the key authorization stored by the server";
    "the server SHOULD ignore whitespace characters at the end of the body".
    """
    return body.rstrip(b" \t\r\n") == key_authorization.encode("ascii")
