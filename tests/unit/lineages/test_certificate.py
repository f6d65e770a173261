"""What is read from certificates and requests."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certbot_external_auth.lineages import certificate


def request(*names: x509.GeneralName, encoding: Encoding = Encoding.PEM) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(encoding)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_addresses_of_a_request(encoding: Encoding) -> None:
    """Certbot takes only the names out of it, and an address would count as not asked for."""
    addresses = [x509.IPAddress(ipaddress.ip_address(one)) for one in ("192.0.2.1", "2001:db8::1")]
    data = request(x509.DNSName("a.test"), *addresses, encoding=encoding)
    assert certificate.addresses_requested(data) == ["192.0.2.1", "2001:db8::1"]


def test_no_addresses_in_what_has_none() -> None:
    assert certificate.addresses_requested(request()) == []
    assert certificate.addresses_requested(b"rubbish") == []
    assert certificate.addresses_requested(b"-----BEGIN rubbish") == []
