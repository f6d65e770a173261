"""Makes the self-signed certificates that answer the TLS challenges. Pure, except for random numbers."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certbot_external_auth.challenges import Challenge, tlsalpn01

BEFORE = datetime.timedelta(days=1, hours=1)
"""How long before now the validity begins, for servers and CAs whose clocks are a day behind."""
AFTER = datetime.timedelta(days=7)
"""How long after now it ends. A run needs minutes; but a person can take days, and a clock can be a day ahead."""
COMMON_NAME = "ACME challenge"
"""Tells an administrator who comes across the certificate what it is. The CA reads the subject alternative name only;
and a domain name of up to 253 characters would not fit here (at most 64, RFC 5280 appendix A.1)."""


def build(challenge: Challenge, now: datetime.datetime) -> tuple[bytes, bytes]:
    """Make a certificate and its key; return both in PEM.

    For tls-alpn-01, RFC 8737 section 3: the certificate "MUST contain a subjectAltName extension containing the
    dNSName being validated and no other entries", and a critical acmeIdentifier extension. For an address, that
    extension has an iPAddress (RFC 8738 section 6). For tls-sni-01 its only name is z_domain.

    The key is ECDSA P-256, which is fast to make and which every TLS library of the last ten years supports.

    :param challenge: of type tls-alpn-01 or tls-sni-01.
    :param now: with a time zone.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, COMMON_NAME)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + AFTER)
        .add_extension(x509.SubjectAlternativeName([_general_name(challenge)]), critical=False)
        # Some servers and tools refuse a server certificate that may sign others.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if challenge.type == tlsalpn01.TYPE:
        value = tlsalpn01.extension(challenge.key_authorization)
        identifier = x509.UnrecognizedExtension(x509.ObjectIdentifier(tlsalpn01.OID), value)
        builder = builder.add_extension(identifier, critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _general_name(challenge: Challenge) -> x509.GeneralName:
    if challenge.type == tlsalpn01.TYPE and challenge.identifier_type == "ip":
        return x509.IPAddress(ipaddress.ip_address(challenge.identifier))
    return x509.DNSName(challenge.place)
