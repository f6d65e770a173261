"""Facts of tls-alpn-01, RFC 8737, and of its use for addresses, RFC 8738 section 6."""

from __future__ import annotations

import base64
import hashlib
import ipaddress

TYPE = "tls-alpn-01"
ALPN = "acme-tls/1"
"""RFC 8737 section 6.2. The CA offers only this protocol, and the server must choose it (section 3)."""
OID = "1.3.6.1.5.5.7.1.31"
"""id-pe-acmeIdentifier, RFC 8737 section 6.1."""


def server_name(identifier: str, identifier_type: str) -> str:
    """Return what the CA sends as SNI: the name, or for an address "the IN-ADDR.ARPA or IP6.ARPA reverse mapping"."""
    if identifier_type == "ip":
        return ipaddress.ip_address(identifier).reverse_pointer
    return identifier


def digest(key_authorization: str) -> bytes:
    """Return "the SHA-256 digest of the key authorization" (RFC 8737 section 3)."""
    return hashlib.sha256(key_authorization.encode("ascii")).digest()


def extension(key_authorization: str) -> bytes:
    """Return the value of the acmeIdentifier extension: ``Authorization ::= OCTET STRING (SIZE (32))`` in DER."""
    return b"\x04\x20" + digest(key_authorization)


def validation(key_authorization: str) -> str:
    """Return the digest in unpadded base64url, as dns-01 has its own and as uacme gives it to hooks."""
    return base64.urlsafe_b64encode(digest(key_authorization)).rstrip(b"=").decode("ascii")


def colons(key_authorization: str) -> str:
    """Return the digest as Dehydrated gives it to hooks: lower-case hex with colons."""
    return digest(key_authorization).hex(":")
