"""From Certbot's configuration to what a run knows."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from certbot_external_auth.configuration import assembly
from tests.support import certificates


def asked(folder: Path, **found: object) -> list[str] | None:
    """What the guard compares with, sorted, by what Certbot has of the names."""
    config = Namespace(**{"domains": [], "csr": None, "certname": None, "config_dir": str(folder), **found})
    names = assembly.names_asked_for(config)
    return None if names is None else sorted(names)


def lineage(folder: Path, name: str) -> Path:
    """Where a lineage's certificate is."""
    path = folder / "live" / name / "cert.pem"
    path.parent.mkdir(parents=True)
    return path


def test_names_asked_for_are_certbots(tmp_path: Path) -> None:
    """Lost: a name of the CA's own taken for one that was asked for."""
    assert asked(tmp_path, domains=["a.test", "*.a.test"]) == ["*.a.test", "a.test"]
    assert asked(tmp_path, domains=["a.test"], ip_addresses=["192.0.2.1"]) == ["192.0.2.1", "a.test"]
    assert asked(tmp_path, ip_addresses=["2001:db8::1"]) == ["2001:db8::1"]


def test_addresses_asked_for_are_also_those_of_a_request(tmp_path: Path) -> None:
    """Certbot takes only the names out of it."""
    content = certificates.request(tmp_path / "csr.pem", ["a.test"], ["192.0.2.1"]).read_bytes()
    assert asked(tmp_path, domains=["a.test"], csr=("csr.pem", content, None)) == ["192.0.2.1", "a.test"]


def test_without_names_they_are_those_of_the_lineage(tmp_path: Path) -> None:
    """Lost: the comparison at `certonly --cert-name`, and at each renewal."""
    certificates.self_signed(lineage(tmp_path, "some"), ["a.test", "b.test"])
    assert asked(tmp_path, certname="some") == ["a.test", "b.test"]
    # What is to be in the new certificate counts, not what is in the old one.
    assert asked(tmp_path, certname="some", domains=["c.test"]) == ["c.test"]


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_names_are_unknown_where_nobody_can_say(tmp_path: Path, content: str | None) -> None:
    """Unknown is not the same as none: with none every challenge would be refused."""
    assert asked(tmp_path) is None
    if content is not None:
        lineage(tmp_path, "some").write_text(content)
    assert asked(tmp_path, certname="some") is None
