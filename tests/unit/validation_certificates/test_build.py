"""The certificates that answer the TLS challenges, compared with fixed vectors and read by openssl."""

from __future__ import annotations

import datetime
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certbot_external_auth.challenges import Challenge, tlsalpn01, tlssni01
from certbot_external_auth.validation_certificates import build

TOKEN = "AAEAAQABAAEAAQABAAEAAQABAAEAAQABAAEAAQABAAE"
KEY_AUTHORIZATION = f"{TOKEN}.Sw1u0IsHN5k67_8oSzyivmp-Wg5CpJ4ZHLeV1cikuxQ"
# Certbot's acme 0.40.1 says the same for this key authorization.
Z_DOMAIN = "9173397ddb74e9c3afcd3ff2bf90ca44.b49e6265e04a1521f56a24c53570c46f.acme.invalid"
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc)


def challenge(kind: str, identifier: str = "www.example.org", identifier_type: str = "dns") -> Challenge:
    return Challenge("c1", kind, identifier, identifier_type, TOKEN, KEY_AUTHORIZATION)


def built(each: Challenge) -> x509.Certificate:
    return x509.load_pem_x509_certificate(build.build(each, NOW)[0])


def read_by_openssl(each: Challenge) -> str:
    pem = build.build(each, NOW)[0]
    shown = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True, check=True)
    return shown.stdout.decode()


def test_z_domain_of_the_vector() -> None:
    assert tlssni01.z_domain(KEY_AUTHORIZATION) == Z_DOMAIN


def test_extension_of_the_vector() -> None:
    """Z_DOMAIN has the digest of the same key authorization, made by another implementation."""
    digest = Z_DOMAIN.removesuffix(".acme.invalid").replace(".", "")
    assert tlsalpn01.extension(KEY_AUTHORIZATION).hex() == "0420" + digest
    assert tlsalpn01.colons(KEY_AUTHORIZATION).replace(":", "") == digest
    assert tlsalpn01.colons(KEY_AUTHORIZATION)[:8] == "91:73:39"


@pytest.mark.parametrize(
    ("identifier", "identifier_type", "shown"),
    [
        ("www.example.org", "dns", "DNS:www.example.org"),
        ("192.0.2.1", "ip", "IP Address:192.0.2.1"),
        ("2001:db8::1", "ip", "IP Address:2001:DB8:0:0:0:0:0:1"),
    ],
)
def test_openssl_reads_exactly_one_name_and_the_critical_digest(
    identifier: str, identifier_type: str, shown: str
) -> None:
    """Guards against a certificate that a CA must refuse by RFC 8737 section 3."""
    text = read_by_openssl(challenge("tls-alpn-01", identifier, identifier_type))
    [names] = re.findall(r"X509v3 Subject Alternative Name: *\n +(.*)", text)
    assert names == shown
    assert re.search(r"1\.3\.6\.1\.5\.5\.7\.1\.31: critical\n", text)
    assert "Signature Algorithm: ecdsa-with-SHA256" in text
    assert "NIST CURVE: P-256" in text


def test_openssl_reads_the_one_name_of_tls_sni() -> None:
    text = read_by_openssl(challenge("tls-sni-01"))
    assert re.findall(r"X509v3 Subject Alternative Name: *\n +(.*)", text) == [f"DNS:{Z_DOMAIN}"]
    assert "1.3.6.1.5.5.7.1.31" not in text


@pytest.mark.parametrize("kind", ["tls-alpn-01", "tls-sni-01"])
def test_valid_a_day_around_now_and_not_for_long(kind: str) -> None:
    """Guards against failures on machines whose clock is a day off."""
    text = read_by_openssl(challenge(kind))
    begin, end = (
        datetime.datetime.strptime(found, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.timezone.utc)
        for found in re.findall(r"Not (?:Before|After ?) *: (.*)", text)
    )
    day = datetime.timedelta(days=1)
    assert begin < NOW - day
    assert NOW + day < end <= NOW + 8 * day


def test_every_challenge_has_its_own_serial_number_and_key() -> None:
    first, second = built(challenge("tls-alpn-01")), built(challenge("tls-alpn-01"))
    assert first.serial_number != second.serial_number
    keys = [one.public_key() for one in (first, second)]
    assert all(isinstance(key, ec.EllipticCurvePublicKey) for key in keys)
    assert len({key.public_numbers().x for key in keys if isinstance(key, ec.EllipticCurvePublicKey)}) == 2


def test_it_may_not_sign_other_certificates() -> None:
    found = built(challenge("tls-alpn-01")).extensions.get_extension_for_class(x509.BasicConstraints)
    assert (found.critical, found.value.ca) == (True, False)


def test_a_name_of_253_characters_fits() -> None:
    long = ".".join(["a" * 62] * 4)[:253]
    names = built(challenge("tls-alpn-01", long)).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == [long]


@pytest.mark.parametrize(
    ("identifier", "kind", "name"),
    [
        ("www.example.org", "dns", "www.example.org"),
        ("127.0.0.1", "ip", "1.0.0.127.in-addr.arpa"),
        ("::1", "ip", "1" + ".0" * 31 + ".ip6.arpa"),
    ],
)
def test_server_name(identifier: str, kind: str, name: str) -> None:
    """RFC 8738 section 6."""
    assert tlsalpn01.server_name(identifier, kind) == name
