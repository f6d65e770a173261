"""Ubuntu 24.04 has what the Debian package needs. Its packages cannot be had here, so their versions stand below."""

from __future__ import annotations

import re
from pathlib import Path

CONTROL = Path(__file__).resolve().parents[2] / "packaging" / "debian" / "control"
NOBLE = {
    "certbot": "2.9.0",
    "python3-acme": "2.9.0",
    "python3-certbot": "2.9.0",
    "python3-cryptography": "41.0.7",
    "python3-dnspython": "2.6.1",
    "python3-rich": "13.7.1",
    "python3-zope.interface": "6.1",
}


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_every_dependency_is_there_in_a_version_that_is_new_enough() -> None:
    (depends,) = re.findall(r"^Depends:\n((?: .*\n)+)", CONTROL.read_text(), re.MULTILINE)
    wanted = dict(re.findall(r"^ ([\w.-]+) \(>= ([\d.]+)\),$", depends, re.MULTILINE))
    assert set(wanted) == set(NOBLE)
    assert [name for name, least in wanted.items() if number(NOBLE[name]) < number(least)] == []
