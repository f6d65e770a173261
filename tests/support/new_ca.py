"""Pebble of Debian's next release, which validates dns-account-01 and dns-persist-01 (drafts 00 and 01).

`scripts/need.sh new-pebble` puts it into `.tools`. Where that was not possible, the tests that need it are skipped.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support.testca import TestCA

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".tools" / "new-pebble" / "usr" / "bin"
ISSUER = "ca.example"
"""The only issuer domain name of these CAs."""

LACKING = "Debian's newer Pebble is not there: sh scripts/need.sh new-pebble"


def there() -> bool:
    """Tell whether the program is there."""
    return (PROGRAMS / "pebble").exists()


needed = pytest.mark.skipif(not there(), reason=LACKING)


class NewCA(TestCA):
    """A CA that offers the types of 2026 besides those of 2021."""

    __test__ = False
    programs = PROGRAMS
    # DNS over HTTPS would listen at a fixed port.
    dns_flag = "-dnsserver"
    more_of_dns = ("-doh", "")
    more = MappingProxyType({"caaIdentities": (ISSUER,)})
