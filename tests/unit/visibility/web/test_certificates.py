"""What a CA makes of a certificate: right, and broken in each way."""

from __future__ import annotations

import datetime
import ipaddress
import random
from collections.abc import Sequence

import pytest
from certbot import errors
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certbot_external_auth import visibility
from certbot_external_auth.challenges import Challenge, tlsalpn01, tlssni01
from certbot_external_auth.validation_certificates import build
from certbot_external_auth.visibility import Expectation, TlsFault
from certbot_external_auth.visibility.web import certificates
from tests.support.hostile_certificates import ODD, mutated_octets

TOKEN = "AAEAAQABAAEAAQABAAEAAQABAAEAAQABAAEAAQABAAE"
KEY_AUTHORIZATION = f"{TOKEN}.Sw1u0IsHN5k67_8oSzyivmp-Wg5CpJ4ZHLeV1cikuxQ"
NAME = "www.example.org"
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc)
RIGHT = tlsalpn01.extension(KEY_AUTHORIZATION)
DNS = x509.DNSName


def expected(kind: str, identifier: str = NAME, identifier_type: str = "dns") -> tuple[Challenge, Expectation]:
    challenge = Challenge("c1", kind, identifier, identifier_type, TOKEN, KEY_AUTHORIZATION)
    return challenge, visibility.expectations([challenge])[0]


ALPN = expected(tlsalpn01.TYPE)[1]
SNI = expected(tlssni01.TYPE)[1]
Z_DOMAIN = SNI.values[0]


def ours(challenge: Challenge) -> bytes:
    pem = build.build(challenge, NOW)[0]
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def built(
    names: Sequence[x509.GeneralName] = (), value: bytes | None = RIGHT, critical: bool = True, issuer: str = "x"
) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject, by = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("x", issuer))
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if value is not None:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(tlsalpn01.OID), value)
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("kind", "identifier", "identifier_type", "protocol"),
    [
        (tlsalpn01.TYPE, NAME, "dns", "acme-tls/1"),
        (tlsalpn01.TYPE, "192.0.2.1", "ip", "acme-tls/1"),
        (tlsalpn01.TYPE, "2001:db8::1", "ip", "acme-tls/1"),
        (tlssni01.TYPE, NAME, "dns", None),
    ],
)
def test_our_own_certificates_are_right(kind: str, identifier: str, identifier_type: str, protocol: str | None) -> None:
    challenge, expectation = expected(kind, identifier, identifier_type)
    assert certificates.problem(expectation, ours(challenge), protocol) is None


@pytest.mark.parametrize("name", [NAME, NAME.upper()])
def test_names_have_no_case(name: str) -> None:
    assert certificates.problem(ALPN, built([DNS(name)]), "acme-tls/1") is None


@pytest.mark.parametrize(
    ("der", "protocol", "fault", "words"),
    [
        (built([DNS(NAME)]), None, TlsFault.NO_PROTOCOL, "did not select"),
        (built([DNS(NAME)]), "h2", TlsFault.NO_PROTOCOL, "did not select"),
        (built([]), "acme-tls/1", TlsFault.OTHER_NAME, "0 subject alternative names"),
        (built([DNS(NAME), DNS("b.test")]), "acme-tls/1", TlsFault.OTHER_NAME, "2 subject alternative names"),
        (
            built([DNS(NAME), x509.RFC822Name("a@b.test")]),
            "acme-tls/1",
            TlsFault.OTHER_NAME,
            "2 subject alternative names",
        ),
        (built([DNS("b.test")]), "acme-tls/1", TlsFault.OTHER_NAME, "is not for www.example.org"),
        (built([DNS("*.example.org")]), "acme-tls/1", TlsFault.OTHER_NAME, "is not for www.example.org"),
        (
            built([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]),
            "acme-tls/1",
            TlsFault.OTHER_NAME,
            "is not for www.example.org",
        ),
        (built([DNS(NAME)], None), "acme-tls/1", TlsFault.NO_DIGEST, "no acmeIdentifier"),
        (built([DNS(NAME)], critical=False), "acme-tls/1", TlsFault.MALFORMED, "not critical"),
        (built([DNS(NAME)], RIGHT[:-1] + b"x"), "acme-tls/1", TlsFault.OTHER_DIGEST, "another digest"),
        (built([DNS(NAME)], RIGHT[2:]), "acme-tls/1", TlsFault.OTHER_DIGEST, "another digest"),
        (built([DNS(NAME)], b""), "acme-tls/1", TlsFault.OTHER_DIGEST, "another digest"),
        (built([DNS(NAME)], issuer="somebody else"), "acme-tls/1", TlsFault.MALFORMED, "not self-signed"),
        (b"no certificate", "acme-tls/1", TlsFault.MALFORMED, "cannot be read"),
        (b"", "acme-tls/1", TlsFault.MALFORMED, "cannot be read"),
    ],
)
def test_broken_for_tls_alpn(der: bytes, protocol: str | None, fault: TlsFault, words: str) -> None:
    problem = certificates.problem(ALPN, der, protocol)
    assert problem is not None
    assert problem.fault is fault
    assert words in problem.words


def unreadable(der: bytes) -> bool:
    problem = certificates.problem(ALPN, der, "acme-tls/1")
    return problem is not None and problem.fault is TlsFault.MALFORMED and "cannot be read" in problem.words


def test_an_extension_that_is_there_twice_makes_it_unreadable() -> None:
    """The library refuses to build one: the OID of another extension is overwritten, of the same length."""
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"x")
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).serial_number(1)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = builder.public_key(key.public_key()).not_valid_before(NOW).not_valid_after(NOW)
    builder = builder.add_extension(x509.SubjectAlternativeName([DNS(NAME)]), False).add_extension(other, False)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    der = made.replace(b"\x06\x03\x55\x1d\x63", b"\x06\x03\x55\x1d\x11")
    assert unreadable(der)
    assert "cannot be read" in certificates.presented(der)


def test_a_name_of_another_type_of_string_makes_it_unreadable() -> None:
    """Not all that the library raises for what a server sends is a ValueError: this is a TypeError."""
    der = built([DNS(NAME)]).replace(b"\x0c\x01x", b"\x03\x01\x00")
    with pytest.raises(TypeError):
        _ = x509.load_der_x509_certificate(der).subject
    assert unreadable(der)
    assert "certificate" in certificates.presented(der)
    assert "cannot be read" in certificates.presented(built([]).replace(b"\x0c\x01x", b"\x03\x01\x00"))


@pytest.mark.filterwarnings("ignore")
def test_mutated_certificates_are_judged_one_way_or_the_other() -> None:
    """A cheap number of them; `make faults` has many."""
    chance = random.Random(6)
    for der in (built([DNS(NAME), *ODD]), ours(expected(tlsalpn01.TYPE)[0])):
        for _ in range(300):
            changed = mutated_octets(der, chance)
            for problem in (
                certificates.problem(ALPN, changed, "acme-tls/1"),
                certificates.problem(SNI, changed, None),
            ):
                assert problem is None or problem.words
            assert "certificate" in certificates.presented(changed)


@pytest.mark.parametrize("signal", [errors.SignalExit("SIGTERM"), KeyboardInterrupt()])
def test_a_signal_is_nothing_that_was_read(signal: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(der: bytes) -> None:
        raise signal

    monkeypatch.setattr(x509, "load_der_x509_certificate", raising)
    with pytest.raises(type(signal)):
        certificates.problem(ALPN, b"", None)
    with pytest.raises(type(signal)):
        certificates.presented(b"")


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ([DNS("dummy"), DNS(Z_DOMAIN)], None),
        ([DNS(Z_DOMAIN.upper())], None),
        ([], TlsFault.OTHER_NAME),
        ([DNS(NAME)], TlsFault.OTHER_NAME),
        ([DNS("a.b.acme.invalid")], TlsFault.OTHER_DIGEST),
        ([DNS(Z_DOMAIN), DNS("a.b.acme.invalid")], TlsFault.MALFORMED),
    ],
)
def test_tls_sni(names: list[x509.GeneralName], fault: TlsFault | None) -> None:
    found = certificates.problem(SNI, built(names), None)
    assert (found.fault if found else None) is fault


@pytest.mark.parametrize(
    ("der", "shown"),
    [
        (built([DNS("a.test"), x509.IPAddress(ipaddress.ip_address("::1"))]), "certificate of a.test, ::1"),
        (built([DNS(f"{n}.test") for n in range(9)]), "3.test and 5 more"),
        (built([]), "certificate of CN=x"),
        (built([DNS("a.test\x1b[31m")]), "certificate of a.test"),
        (b"", "cannot be read"),
    ],
)
def test_what_was_presented_is_said_in_one_line(der: bytes, shown: str) -> None:
    found = certificates.presented(der)
    assert shown in found
    assert "\x1b" not in found
