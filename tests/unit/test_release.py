"""What a release says and is made from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from certbot_external_auth import __version__

ROOT = Path(__file__).resolve().parents[2]


def release_text(version: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in a copy, whose changelog has two releases."""
    (folder / "scripts").mkdir(parents=True)
    (folder / "certbot_external_auth").mkdir()
    for path in ("scripts/release_text.sh", "certbot_external_auth/__init__.py"):
        (folder / path).write_bytes((ROOT / path).read_bytes())
    changes = (
        f"# Changelog\n\n## [Unreleased]\n\n- next\n\n## [{__version__}] - 2026-12-01\n\n- this\n\n## [0.1]\n\n- old\n"
    )
    (folder / "CHANGELOG.md").write_text(changes)
    command = ["sh", str(folder / "scripts/release_text.sh"), version]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_text_of_a_release_is_its_section_of_the_changelog(tmp_path: Path) -> None:
    assert release_text(__version__, tmp_path / "a").stdout.split("\n") == ["", "- this", ""]
    assert release_text("9.9", tmp_path / "b").returncode == 1


def test_the_version_stands_in_one_place() -> None:
    """Guards against a package, a recipe or a page that goes on with an old number."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    places = [path for path in listed if path.startswith("packaging/") or path in ("pyproject.toml", "setup.py")]
    assert places
    numbers = re.compile(rf"(?<![\d.=]){re.escape(__version__)}(?![\d.])")
    assert [path for path in places if numbers.search((ROOT / path).read_text())] == []
