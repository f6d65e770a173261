"""acme.sh of Debian sid, which scripts/need.sh has unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2] / ".tools" / "acme.sh"
needed = pytest.mark.skipif(not (HOME / "acme.sh").exists(), reason="acme.sh is missing: sh scripts/need.sh acme-sh")
