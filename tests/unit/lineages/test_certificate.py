"""What is read from certificates and requests."""

from __future__ import annotations

import contextlib
import ipaddress
import random
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certbot_external_auth.lineages import certificate
from tests.support import lineages
from tests.support.hostile_certificates import mutated_octets


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


def test_a_certificate_that_no_honest_ca_issues_is_an_error_that_is_expected(tmp_path: Path) -> None:
    """Guards against: one certificate at which every verb stops that reads all of them."""
    der = ssl.PEM_cert_to_DER_cert(lineages.certificate("a.test", "b.test").decode())
    version = b"\xa0\x03\x02\x01\x02"
    assert version in der
    path, chance = tmp_path / "cert.pem", random.Random(1)
    path.write_text(ssl.DER_cert_to_PEM_cert(der.replace(version, version[:-1] + b"\x1d")))
    with pytest.raises(ValueError, match="29 is not a valid X509 version"):
        certificate.read(str(path))
    for _ in range(300):
        path.write_text(ssl.DER_cert_to_PEM_cert(mutated_octets(der, chance)))
        with contextlib.suppress(ValueError):
            certificate.read(str(path))
