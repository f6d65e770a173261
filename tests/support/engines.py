"""Libraries by which engines reach DNS providers, as `scripts/need.sh engines` installs them."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / ".tools" / "engines"
MODULES = {"lego": "lego_bridge", "lexicon": "lexicon.client", "certbot": "certbot_dns_rfc2136"}


@functools.cache
def _lacks(engine: str) -> str:
    """What this Python says when it loads the library of an engine; empty if it can."""
    words = [sys.executable, "-c", f"import {MODULES[engine]}"]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return "" if ended.returncode == 0 else ended.stderr.splitlines()[-1]


def needed(*engines: str) -> dict[str, str]:
    """What is added to the environment of a Python that shall have them. The test is skipped if this one cannot."""
    for engine in engines:
        if _lacks(engine):
            pytest.skip(f"this Python has no {MODULES[engine]}: {_lacks(engine)}")
    return {"PYTHONPATH": str(FOLDER)}


def version(package: str) -> str:
    """The version of a package that is installed there."""
    (found,) = importlib.metadata.distributions(name=package, path=[str(FOLDER)])
    return found.version


def there(engine: str) -> bool:
    """Tell whether this Python can load the library of an engine."""
    return not _lacks(engine)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The libraries, as if they were installed beside this Certbot."""
    needed(*MODULES)
    monkeypatch.setattr(sys, "path", [*sys.path, str(FOLDER)])
    return FOLDER
