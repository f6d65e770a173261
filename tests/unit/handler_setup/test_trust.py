"""Who may change what will be run: the whole way to it is looked at."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from certbot_external_auth.handler_setup import trust

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


def findings(path: Path) -> trust.Findings:
    return trust.check_file(str(path), "handler", [os.getuid()])


def test_nothing_is_wrong_with_what_is_ours(hook: Path) -> None:
    assert findings(hook) == trust.Findings()


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
    (problem,) = findings(tmp_path / "a").problems
    assert "Too many levels of symbolic links" in problem


def test_a_link_through_another_link_and_up(hook: Path, tmp_path: Path) -> None:
    """What is above the folder that a link leads to is not what is above the link."""
    (tmp_path / "app" / "v1").mkdir(parents=True)
    (tmp_path / "app" / "hook").write_text("#!/bin/sh\n")
    os.symlink(tmp_path / "app" / "v1", tmp_path / "home" / "current")
    os.symlink("current/../hook", tmp_path / "home" / "again")
    assert findings(tmp_path / "home" / "again") == trust.Findings()
    for wrong in (tmp_path / "app", tmp_path / "app" / "hook"):
        wrong.chmod(0o777)
        (problem,) = findings(tmp_path / "home" / "again").problems
        assert problem.endswith(f"run: chmod o-w {wrong}")
        wrong.chmod(0o755)


def test_what_cannot_be_looked_at_is_a_problem(tmp_path: Path) -> None:
    os.symlink("gone/../../x", tmp_path / "link")
    (problem,) = findings(tmp_path / "link").problems
    assert f"{tmp_path}/gone: No such file or directory" in problem


@root_only
def test_an_access_list_is_no_matter_of_the_group(hook: Path, tmp_path: Path) -> None:
    """Where there is one, the group's bits are its mask: root's group is not who may write."""
    file = tmp_path / "real" / "hook"
    file.chmod(0o775)
    assert findings(hook) == trust.Findings()
    entries = ((1, 7, 0xFFFFFFFF), (2, 6, STRANGER), (4, 5, 0xFFFFFFFF), (16, 7, 0xFFFFFFFF), (32, 5, 0xFFFFFFFF))
    try:
        packed = b"".join(struct.pack("<HHI", *entry) for entry in entries)
        os.setxattr(file, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    except OSError as error:
        pytest.skip(f"this file system has no access lists: {error}")
    (warning,) = findings(hook).warnings
    assert f"setfacl -b {file} ends that" in warning


@pytest.mark.parametrize(("sudo_uid", "trusted"), [("12345", True), ("12346", False), ("", False), ("x", False)])
def test_a_file_of_the_user_behind_sudo_is_trusted(
    monkeypatch: pytest.MonkeyPatch, sudo_uid: str, trusted: bool
) -> None:
    """Guards against: a warning at every `sudo certbot` about the administrator's own script."""
    monkeypatch.setenv("SUDO_UID", sudo_uid)
    assert (STRANGER in trust.trusted_ids()) is trusted
    assert os.getuid() in trust.trusted_ids()
