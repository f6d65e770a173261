"""The modules that run on a host which keeps its key, run as Ansible runs them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

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
