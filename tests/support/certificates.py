"""Looking at, and asking for, certificates."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


def names(path: Path) -> list[str]:
    """The names in a certificate, in alphabetical order."""
    found = _read(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(found.get_values_for_type(x509.DNSName))


def addresses(path: Path) -> list[str]:
    """The IP addresses in a certificate."""
    found = _read(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(map(str, found.get_values_for_type(x509.IPAddress)))


def is_rsa(path: Path) -> bool:
    return isinstance(_read(path).public_key(), rsa.RSAPublicKey)


def curve(path: Path) -> str:
    key = _read(path).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.curve.name


def serial(path: Path) -> int:
    return _read(path).serial_number


def presented(address: str, port: int) -> int:
    """The serial number of the certificate that a server presents."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((address, port)).encode()).serial_number


def sha256(path: Path) -> str:
    return _read(path).fingerprint(hashes.SHA256()).hex()


def request(path: Path, domains: Sequence[str], addresses: Sequence[str] = ()) -> Path:
    """Write a certificate signing request for some names and addresses."""
    wanted = [*map(x509.DNSName, domains), *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses)]
    built = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0])]))
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return path


def for_servers(certificate: Path, key_path: Path, domains: Sequence[str], addresses: Sequence[str] = ()) -> None:
    """Write a certificate that servers present, and that clients trust who are given it as their only CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0])])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [*map(x509.DNSName, domains), *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses)]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def self_signed(path: Path, domains: Sequence[str]) -> Path:
    """Write a certificate that is good for being read only."""
    path.write_bytes(_made(domains, ec.generate_private_key(ec.SECP256R1())))
    return path


def with_key(path: Path, domains: Sequence[str]) -> Path:
    """Write a self-signed certificate and its key for a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(_made(domains, key) + key.private_bytes(*form))
    return path


def _made(domains: Sequence[str], key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0])])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, domains))), critical=False)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())
