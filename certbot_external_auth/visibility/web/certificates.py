"""Judge the certificate that a server presents for a TLS challenge, as a CA does. Pure functions."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certbot_external_auth.challenges import tlsalpn01, tlssni01
from certbot_external_auth.endpoint import is_address
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, TlsFault, unreadable

if TYPE_CHECKING:
    from cryptography import x509

ACME_INVALID = ".acme.invalid"
DIGEST_HEADER = b"\x04\x20"
"""DER of an OCTET STRING of 32 bytes."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with an answer.

    :ivar words: the same for a table, with the facts.
    """

    fault: TlsFault
    words: str


def problem(expectation: Expectation, der: bytes, protocol: str | None) -> Problem | None:
    """Return what is wrong with an answer; None if nothing is.

    :param der: the certificate that the server presented.
    :param protocol: the application protocol that the server selected, None if it selected none.
    """
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _names(certificate)
        if expectation.type == tlssni01.TYPE:
            return _tls_sni(expectation.values[0], names)
        return _tls_alpn(expectation, certificate, names, protocol)
    except BaseException as error:
        # Some faults only show when an extension or a name is read.
        words = f"a certificate that cannot be read ({one_line(unreadable.words(error), 100)})"
        return Problem(TlsFault.MALFORMED, words)


def presented(der: bytes) -> str:
    """Return the names of a certificate in one line, so that a person recognizes it."""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        shown = _names(certificate) or [certificate.subject.rfc4514_string() or "no name"]
    except BaseException as error:
        unreadable.words(error)
        return "a certificate that cannot be read"
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return one_line("certificate of " + ", ".join(shown[:4]) + more, 200)


def _names(certificate: x509.Certificate) -> list[str]:
    """Return the entries of subjectAltName; of an entry that is neither a name nor an address, its type."""
    from cryptography import x509

    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    plain = (x509.DNSName, x509.IPAddress)
    return [str(one.value) if isinstance(one, plain) else f"a {type(one).__name__}" for one in san]


def _tls_alpn(
    expectation: Expectation, certificate: x509.Certificate, names: list[str], protocol: str | None
) -> Problem | None:
    """Return what is wrong with a certificate for tls-alpn-01.

    RFC 8737 section 3: "The ACME server verifies that during the TLS handshake the application-layer protocol
    'acme-tls/1' was successfully negotiated", and that the certificate contains "a subjectAltName extension containing
    the dNSName being validated and no other entries" (for addresses the iPAddress, RFC 8738 section 6) and "a critical
    acmeIdentifier extension" with the digest. The client constructs "a self-signed certificate", which some CAs
    insist on.
    """
    if protocol != tlsalpn01.ALPN:
        return Problem(TlsFault.NO_PROTOCOL, f"the server did not select the protocol {tlsalpn01.ALPN} (ALPN)")
    if len(names) != 1:
        words = f"{len(names)} subject alternative names, but only {expectation.identifier} may be there"
        return Problem(TlsFault.OTHER_NAME, words)
    if not _same(names[0], expectation.identifier):
        return Problem(TlsFault.OTHER_NAME, f"the certificate is not for {expectation.identifier}")
    found = _acme_identifier(certificate)
    if found is None:
        return Problem(TlsFault.NO_DIGEST, "no acmeIdentifier extension")
    critical, value = found
    if not critical:
        return Problem(TlsFault.MALFORMED, "the acmeIdentifier extension is not critical")
    if value != DIGEST_HEADER + bytes.fromhex(expectation.values[0]):
        words = "acmeIdentifier has another digest: the certificate is from an earlier order or another account"
        return Problem(TlsFault.OTHER_DIGEST, words)
    if certificate.issuer != certificate.subject:
        return Problem(TlsFault.MALFORMED, "the certificate is not self-signed")
    return None


def _acme_identifier(certificate: x509.Certificate) -> tuple[bool, bytes] | None:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(tlsalpn01.OID))
    except x509.ExtensionNotFound:
        return None
    assert isinstance(found.value, x509.UnrecognizedExtension)
    return found.critical, found.value.value


def _same(name: str, identifier: str) -> bool:
    """Compare names without case (RFC 4343), and addresses by value."""
    if is_address(name) and is_address(identifier):
        return ipaddress.ip_address(name) == ipaddress.ip_address(identifier)
    return name.lower() == identifier.lower()


def _tls_sni(z_domain: str, names: list[str]) -> Problem | None:
    """Return what is wrong for tls-sni-01: z_domain must be there, and no other name below acme.invalid (Boulder)."""
    ours = [name for name in map(str.lower, names) if name.endswith(ACME_INVALID)]
    if z_domain not in ours:
        fault = TlsFault.OTHER_DIGEST if ours else TlsFault.OTHER_NAME
        return Problem(fault, f"{z_domain} is not among the names of the certificate")
    if len(ours) > 1:
        return Problem(TlsFault.MALFORMED, f"the certificate has more names below {ACME_INVALID[1:]}")
    return None
