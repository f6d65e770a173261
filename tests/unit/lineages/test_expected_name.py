"""The name of a lineage before Certbot gives it: each answer is compared with Certbot's own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from certbot import util
from certbot._internal import cert_manager
from certbot.configuration import NamespaceConfig

from certbot_external_auth.lineages.expected_name import expected_name, renewed, unique
from tests.support import lineages

A, B, C = "a.example", "b.example", "c.example"
LINEAGES = {
    A: (A, B),
    f"{A}-0001": (A, C),
    "both": (A, B),
    "one": (C,),
}


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """A host with lineages, and what Certbot does not count as one."""
    for name, names in LINEAGES.items():
        lineages.one(tmp_path, name, "none", ("authenticator = external-auth",), names)
    lineages.one(tmp_path, "deleted", "none", (), ("z.example",))
    (tmp_path / "renewal" / "deleted.conf").unlink()
    return tmp_path


def certbots(config_dir: Path, names: Sequence[str]) -> str | None:
    """The lineage that Certbot renews for these names; None if it makes a new one."""
    folders = {f"{kind}_dir": str(config_dir) for kind in ("config", "work", "logs")}
    found: Any = cert_manager.find_duplicative_certs(
        NamespaceConfig(argparse.Namespace(**folders, http01_port=80, https_port=443, domains=[])),
        list(map(_as_certbot_has_it, names)),
    )
    same, part = found
    return next((str(one.lineagename) for one in (same, part) if one is not None), None)


def _as_certbot_has_it(name: str) -> Any:
    """Certbot 5.3 made objects of names."""
    try:
        from certbot._internal import san
    except ImportError:
        return name
    return san.DNSName(name)


@pytest.mark.versions
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((A, B), "both"),
        ((B, A), "both"),
        ((C, A), f"{A}-0001"),
        ((A, B, C), f"{A}-0001"),
        ((C, "d.example"), "one"),
        ((A,), f"{A}-0002"),
        (("*.a.example",), f"{A}-0002"),
        ((B,), B),
        (("z.example",), "z.example"),
    ],
)
def test_the_name_is_certbots(config_dir: Path, names: tuple[str, ...], expected: str) -> None:
    """Lost: a hook's files of a certificate, which lie under another name when it is renewed."""
    known = certbots(config_dir, names)
    if known is None:
        base = names[0].removeprefix("*.")
        file, path = util.unique_lineage_name(str(config_dir / "renewal"), base)
        file.close()
        os.unlink(path)
        known = Path(path).stem
    assert expected_name(str(config_dir), names, duplicate=False) == known == expected


def test_a_duplicate_is_a_new_lineage(config_dir: Path) -> None:
    assert expected_name(str(config_dir), (A, B), duplicate=True) == f"{A}-0002"
    assert expected_name(str(config_dir), (B, A), duplicate=True) == B


def test_nothing_is_expected_of_names_that_are_not_known(config_dir: Path) -> None:
    assert expected_name(str(config_dir), (), duplicate=False) == ""
    assert expected_name(str(config_dir / "missing"), (A,), duplicate=False) == A


def test_numbers_have_four_digits_at_least() -> None:
    taken = {"a", *(f"a-{number:04d}" for number in range(1, 10_000))}
    assert (unique("b", taken), unique("a", {"a"}), unique("a", taken)) == ("b", "a-0001", "a-10000")


def test_a_certificate_that_cannot_be_read_is_no_part_of_another() -> None:
    assert renewed({"broken": frozenset()}, {A}) is None
