"""Who may change what will be run: the whole way to it is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certbot_external_auth import preflight

STRANGER = 12345
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that are somebody else's")


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """In a folder of its own, with two links that lead to it: home/link -> middle/link -> real/hook."""
    for name in ("home", "middle", "real"):
        (tmp_path / name).mkdir()
    found = tmp_path / "real" / "hook"
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    os.symlink("../real/hook", tmp_path / "middle" / "link")
    os.symlink(tmp_path / "middle" / "link", tmp_path / "home" / "link")
    return tmp_path / "home" / "link"


def findings(path: Path) -> preflight.Findings:
    return preflight.check_file(str(path), "handler", [os.getuid()])


def test_nothing_is_wrong_with_what_is_ours(hook: Path) -> None:
    assert findings(hook) == preflight.Findings()


@pytest.mark.parametrize("place", ["home", "middle", "real", "real/hook"])
def test_everybody_may_exchange_a_part_of_the_way(hook: Path, place: str) -> None:
    """Also the folder of a link that only another link leads to."""
    wrong = hook.parent.parent / place
    wrong.chmod(0o777)
    (problem,) = findings(hook).problems
    assert f"run: chmod o-w {wrong}" in problem
    wrong.chmod(0o1777)
    assert bool(findings(hook).problems) is (place == "real/hook")


@root_only
@pytest.mark.parametrize("place", ["home/link", "middle/link", "middle", "real/hook"])
def test_a_part_of_the_way_is_a_strangers(hook: Path, place: str) -> None:
    wrong = hook.parent.parent / place
    os.chown(wrong, STRANGER, 0, follow_symlinks=False)
    found = findings(hook)
    assert [f"{wrong} " in warning or f"{wrong} of" in warning for warning in found.warnings] == [True]
    assert found.problems == []


def test_links_in_a_ring_end(tmp_path: Path) -> None:
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    assert findings(tmp_path / "a").problems == []
