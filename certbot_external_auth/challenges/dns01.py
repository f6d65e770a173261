"""Facts of dns-01, RFC 8555 section 8.4."""

from __future__ import annotations

import base64
import hashlib

TYPE = "dns-01"
LABEL = "_acme-challenge"


def txt_domain(domain: str) -> str:
    """Return the name of the record: "prepending the label '_acme-challenge' to the domain name being validated"."""
    return f"{LABEL}.{domain}"


def validation(key_authorization: str) -> str:
    """Return the record's value: "the SHA-256 digest of the key authorization", in unpadded base64url."""
    digest = hashlib.sha256(key_authorization.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
