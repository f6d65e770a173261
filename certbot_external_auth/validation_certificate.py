"""The self-signed certificates that answer the TLS challenges. No I/O but the system's random numbers."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certbot_external_auth.challenges import Challenge, tlsalpn01

BEFORE = datetime.timedelta(days=1, hours=1)
"""Its validity begins earlier than now, for servers and CAs whose clock is a day behind."""
AFTER = datetime.timedelta(days=7)
"""It is needed for minutes; a person may take days (`answers.WAIT_LIMIT`), and a clock may be a day ahead."""
COMMON_NAME = "ACME challenge"
"""Only for whoever meets the certificate: the CA reads the subject alternative name, and a name of up to 253
characters would not fit here (64 at most, RFC 5280 appendix A.1)."""


def build(challenge: Challenge, now: datetime.datetime) -> tuple[bytes, bytes]:
    """Certificate and key, both PEM.

    The key is ECDSA P-256, which every TLS stack of the last ten years takes and which is made in no time; the
    signature is SHA-256. RFC 8737 section 3: the certificate "MUST contain a subjectAltName extension containing
    the dNSName being validated and no other entries" and a critical acmeIdentifier extension; RFC 8738 section 6
    has an iPAddress there for addresses. For tls-sni-01 the one name is z_domain.

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
        # Servers and tools refuse a leaf certificate that may sign others.
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
    return x509.DNSName(challenge.server_name or "")
