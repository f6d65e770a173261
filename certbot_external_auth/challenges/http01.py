"""Facts of http-01, RFC 8555 section 8.3."""

from __future__ import annotations

TYPE = "http-01"
ROOT = ".well-known/acme-challenge"


def uri(host: str, token: str) -> str:
    """Where the CA looks: "the path at which the resource is provisioned is comprised of the fixed prefix
    '/.well-known/acme-challenge/', followed by the 'token' value". An IPv6 address is bracketed (RFC 3986
    section 3.2.2, RFC 8738 section 3).
    """
    authority = f"[{host}]" if ":" in host else host
    return f"http://{authority}/{ROOT}/{token}"


def command(token: str, key_authorization: str) -> str:
    """Shell lines that write the file below the web server's document root.

    Token and key authorization are checked to be base64url and a dot, so they need no quoting beyond single marks.
    """
    return (
        "# in the document root of the web server:\n"
        f"mkdir -p {ROOT}\n"
        f"printf '%s' '{key_authorization}' > {ROOT}/{token}"
    )
