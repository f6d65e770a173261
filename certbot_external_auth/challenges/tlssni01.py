"""Facts of tls-sni-01 in the form Boulder and Certbot had until 2019 (draft-ietf-acme-acme-01 without iterations)."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

TYPE = "tls-sni-01"
WARNING = (
    "tls-sni-01 proves only that the applicant can install a certificate on this IP address. Use it only with a "
    "private CA and on servers that are not shared; otherwise use tls-alpn-01."
)


def z_domain(key_authorization: str) -> str:
    """Return the name that the CA asks for, and that the certificate must have.

    It is ``<Z[0:32]>.<Z[32:64]>.acme.invalid``, where Z is the lower-case hex SHA-256 of the key authorization.
    """
    z = hashlib.sha256(key_authorization.encode("ascii")).hexdigest()
    return f"{z[:32]}.{z[32:]}.acme.invalid"


def withdrawn_at(server: str) -> bool:
    """Tell whether a directory URL belongs to Let's Encrypt, which ended this type on 2019-03-13."""
    host = (urlsplit(server).hostname or "").rstrip(".")
    return host == "letsencrypt.org" or host.endswith(".letsencrypt.org")
