"""Classes by name, of this package and of others."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from certbot_external_auth import extensions
from certbot_external_auth.dialects.call import BUILT_IN, GROUP
from certbot_external_auth.dialects.lego import Lego
from certbot_external_auth.errors import UsageError
from certbot_external_auth.interfaces import IDialect


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package's dialects: a good one, one that has no method, and one that cannot be loaded."""
    (tmp_path / "tried_package.py").write_text(
        "from certbot_external_auth.dialects.lego import Lego\nclass Good(Lego): pass\nclass Bad: pass\n"
    )
    info = tmp_path / "tried_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tried-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\ngood = tried_package:Good\nbad = tried_package:Bad\ngone = tried_package:Gone\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()


@pytest.mark.usefixtures("registered")
def test_what_another_package_registers_is_found_by_its_name() -> None:
    assert extensions.names(GROUP) == ["bad", "gone", "good"]
    assert extensions.names(f"{GROUP}.none") == []
    assert extensions.load(GROUP, BUILT_IN, "good", IDialect).__name__ == "Good"


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad", "'bad' of certbot_external_auth.dialects does not keep the contract IDialect"),
        ("gone", "'gone' of certbot_external_auth.dialects cannot be loaded (AttributeError"),
        ("none", "Nothing called 'none' is registered in certbot_external_auth.dialects"),
    ],
)
def test_a_mistake_is_that_packages(name: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        extensions.load(GROUP, BUILT_IN, name, IDialect)
    assert said in str(raised.value)


def test_what_is_built_in_needs_no_entry_point() -> None:
    assert extensions.load(GROUP, BUILT_IN, "lego", IDialect) is Lego
