"""The modules that run on a host which keeps its key, run as Ansible runs them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.ansible_modules import run

NAMES = ["shop.test"]


class Host:
    """A host with one certificate. The CA signs what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "ssl" / "shop"

    def request(self, names: list[str] | None = None, **more: object) -> dict[str, Any]:
        return run(self._folder, "certificate_request", path=str(self.path), names=names or NAMES, **more)

    def signed(self, csr: str, days: int = 90) -> str:
        """Return a certificate for a request."""
        words = ["x509", "-req", "-signkey", str(self.path / "pending.key"), "-copy_extensions", "copy"]
        ended = subprocess.run(
            ["openssl", *words, "-days", str(days)], input=csr, capture_output=True, text=True, check=True
        )
        return ended.stdout

    def install(self, fullchain: str, **more: object) -> dict[str, Any]:
        paths = [str(self.path / "pending.key"), str(self.path / "current" / "privkey.pem")]
        given = {"path": str(self.path), "fullchain": fullchain, "key_paths": paths, **more}
        return run(self._folder, "certificate_install", **given)

    def key(self) -> str:
        return (self.path / "pending.key").read_text()


def test_every_certificate_gets_a_key_of_its_own(tmp_path: Path) -> None:
    """Guards against: a key that is used for years, since it stays where the first request was made."""
    host = Host(tmp_path)
    first = host.request()
    key = host.key()
    host.install(host.signed(first["csr"]))
    assert host.request()["due"] is False
    other = host.request(names=["shop.test", "www.shop.test"])
    assert (other["changed"], host.key() == key) == (True, False)
    # The order fails, and is tried again.
    again = host.request(names=["shop.test", "www.shop.test"])
    assert (again["changed"], again["csr"]) == (False, other["csr"])


def test_addresses_in_a_certificate(tmp_path: Path) -> None:
    """Guards against: an order in every run, because openssl writes an IPv6 address in another form."""
    host = Host(tmp_path)
    names = ["Shop.test", "2001:DB8::1", "192.0.2.1"]
    host.install(host.signed(host.request(names=names)["csr"]))
    assert host.request(names=names)["reasons"] == []


def test_a_certificate_that_lives_shorter_than_it_is_renewed_before(tmp_path: Path) -> None:
    """Guards against: an order in every run, until the CA refuses, once its certificates live shorter."""
    host = Host(tmp_path)
    host.install(host.signed(host.request()["csr"], days=45))
    assert host.request(renew_before=60)["due"] is False
    assert host.request(renew_before=44)["due"] is False
    assert host.request(names=["other.test"], renew_before=60)["reasons"] == ["names"]


def begin(folder: Path, csr: Path) -> str:
    """Return why an order with a request is refused, by a module that cannot reach Certbot."""
    outputs = {f"{name}_path": str(folder / name) for name in ("cert", "chain", "fullchain")}
    given = {"csr": str(csr), "names": NAMES, "executable": "/usr/bin/false", **outputs}
    message: str = run(folder, "certificate_begin", **given)["msg"]
    return message


OURS = "/usr/bin/false begin ended with code 1."
REQUESTS = {
    "more names": (["-addext", "subjectAltName=DNS:shop.test,DNS:admin.test"], "is for other names than shop.test"),
    "another name": (["-addext", "subjectAltName=DNS:admin.test"], "is for other names than shop.test: admin.test."),
    "a name in the subject": (["-subj", "/CN=admin.test", "-addext", "subjectAltName=DNS:shop.test"], "has a subject"),
    "no name": ([], "is for other names"),
}


@pytest.mark.parametrize(("words", "refusal"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_for_names_of_other_hosts(tmp_path: Path, words: list[str], refusal: str) -> None:
    """Guards against: one host of a fleet that has been taken over, and orders certificates for the names of others."""
    csr = tmp_path / "request.csr"
    subject = [] if "-subj" in words else ["-subj", "/"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(tmp_path / "key")]
    subprocess.run(
        ["openssl", "req", "-new", *key, *subject, *words, "-out", str(csr)], check=True, capture_output=True
    )
    assert refusal in begin(tmp_path, csr)


def test_the_request_that_was_asked_for(tmp_path: Path) -> None:
    csr = tmp_path / "request.csr"
    csr.write_text(Host(tmp_path).request(names=["Shop.test"])["csr"])
    assert begin(tmp_path, csr) == OURS


def test_a_request_that_two_programs_read_differently(tmp_path: Path) -> None:
    """Of two lists of extensions, openssl takes that of the newer kind, and Certbot's library the first."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_attribute(x509.ObjectIdentifier("1.3.6.1.4.1.311.2.1.14"), b"another list")
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.test")]), critical=False)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    csr = tmp_path / "request.csr"
    csr.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    assert "asks for extensions twice" in begin(tmp_path, csr)
