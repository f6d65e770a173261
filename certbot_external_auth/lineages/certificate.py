"""Reads from certificates what the plugin needs."""

from __future__ import annotations

import datetime
import hashlib
import ssl
from dataclasses import dataclass

from certbot_external_auth.files import regular_file

MAX_BYTES = 1_000_000
"""Longest file, in bytes, that is read as a certificate."""


@dataclass(frozen=True)
class Facts:
    """:ivar names: the common name first, if there is one; then the others in the certificate's order.
    :ivar not_after: end of validity, UTC.
    :ivar sha256: fingerprint of the DER form, lower-case hex.
    :ivar not_before: begin of validity, UTC.
    """

    names: tuple[str, ...]
    not_after: datetime.datetime
    sha256: str
    not_before: datetime.datetime


def fingerprint(path: str) -> str:
    """Return the SHA-256 of the first certificate in a PEM file, lower-case hex.

    :raises OSError: if it cannot be read.
    :raises ValueError: if it holds no certificate.
    """
    return hashlib.sha256(_first(path)).hexdigest()


def read(path: str) -> Facts:
    """Read the first certificate in a PEM file. Raises the same errors as `fingerprint`."""
    from cryptography import x509

    try:
        return _facts(_first(path))
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        # None of these is a ValueError.
        raise ValueError(f"{path}: {error}") from None


def _facts(der: bytes) -> Facts:
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [*san.get_values_for_type(x509.DNSName), *map(str, san.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        names = []
    common = [str(a.value) for a in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    ordered = dict.fromkeys([*(name for name in common if name in names or not names), *names])
    before, after = (_moment(certificate, name) for name in ("not_valid_before", "not_valid_after"))
    return Facts(tuple(ordered), after, hashlib.sha256(der).hexdigest(), before)


def addresses_requested(data: bytes) -> list[str]:
    """Return the IP addresses in a certificate signing request, PEM or DER.

    There are none in data that is not a request; Certbot reports that itself.
    """
    from cryptography import x509

    try:
        pem = b"-----BEGIN" in data
        request = x509.load_pem_x509_csr(data) if pem else x509.load_der_x509_csr(data)
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return []
    return [str(address) for address in san.get_values_for_type(x509.IPAddress)]


def _first(path: str) -> bytes:
    pem = regular_file.read(path, MAX_BYTES).decode("ascii", "replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start = pem.find(begin)
    stop = pem.find(end, start)
    if start < 0 or stop < 0:
        raise ValueError(f"{path} holds no certificate")
    return ssl.PEM_cert_to_DER_cert(pem[start : stop + len(end)])


def _moment(certificate: object, name: str) -> datetime.datetime:
    # cryptography 42 brought the aware attribute; Debian 12 has 38.
    aware = getattr(certificate, f"{name}_utc", None)
    if isinstance(aware, datetime.datetime):
        return aware
    naive: datetime.datetime = getattr(certificate, name)
    return naive.replace(tzinfo=datetime.timezone.utc)
