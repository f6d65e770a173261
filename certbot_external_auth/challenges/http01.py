"""Facts of http-01, RFC 8555 section 8.3."""

from __future__ import annotations

TYPE = "http-01"
ROOT = ".well-known/acme-challenge"
"""Folder of the files below the web server's document root."""


def uri(host: str, token: str) -> str:
    """Return the URL that the CA fetches.

    "The path at which the resource is provisioned is comprised of the fixed prefix '/.well-known/acme-challenge/',
    followed by the 'token' value". An IPv6 address is in brackets (RFC 3986 section 3.2.2, RFC 8738 section 3).
    """
    authority = f"[{host}]" if ":" in host else host
    return f"http://{authority}/{ROOT}/{token}"


def command(token: str, key_authorization: str) -> str:
    """Return shell lines that write the file, for a shell in the web server's document root.

    The guard has checked that token and key authorization are base64url and a full stop, so single quotes are enough.
    With the umask, the web server can read what the shell makes, whatever the umask of that shell is.
    """
    return (
        "# in the document root of the web server:\n"
        f"(umask 022; mkdir -p {ROOT}\n"
        f"printf '%s' '{key_authorization}' > {ROOT}/{token})"
    )
