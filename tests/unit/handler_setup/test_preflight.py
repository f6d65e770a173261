"""Who may change what will be run: the whole way to it is looked at."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from certbot_external_auth.handler_setup import preflight

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
    (problem,) = findings(tmp_path / "a").problems
    assert "Too many levels of symbolic links" in problem


def test_a_link_through_another_link_and_up(hook: Path, tmp_path: Path) -> None:
    """What is above the folder that a link leads to is not what is above the link."""
    (tmp_path / "app" / "v1").mkdir(parents=True)
    (tmp_path / "app" / "hook").write_text("#!/bin/sh\n")
    os.symlink(tmp_path / "app" / "v1", tmp_path / "home" / "current")
    os.symlink("current/../hook", tmp_path / "home" / "again")
    assert findings(tmp_path / "home" / "again") == preflight.Findings()
    for wrong in (tmp_path / "app", tmp_path / "app" / "hook"):
        wrong.chmod(0o777)
        (problem,) = findings(tmp_path / "home" / "again").problems
        assert problem.endswith(f"run: chmod o-w {wrong}")
        wrong.chmod(0o755)


def test_what_cannot_be_looked_at_is_a_problem(tmp_path: Path) -> None:
    os.symlink("gone/../../x", tmp_path / "link")
    (problem,) = findings(tmp_path / "link").problems
    assert f"{tmp_path}/gone: No such file or directory" in problem


@pytest.fixture
def interpreter(tmp_path: Path, hook: Path) -> Path:
    """What the hook's first line names: a script in a folder of its own, itself for /bin/sh."""
    found = tmp_path / "bin" / "interpreter"
    found.parent.mkdir()
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    return found


@pytest.mark.parametrize("way", ["named", "found by env", "behind nice", "in turn"])
@pytest.mark.parametrize("wrong", ["bin", "bin/interpreter"])
def test_the_interpreter_is_looked_at(hook: Path, interpreter: Path, tmp_path: Path, way: str, wrong: str) -> None:
    first = {"found by env": "/usr/bin/env -S -i X=1 interpreter -u", "in turn": f"{tmp_path}/bin/other"}
    hook.write_text(f"#!{first.get(way, interpreter)}\n")
    (tmp_path / "bin" / "other").write_text(f"#!{interpreter}\n")
    (tmp_path / "bin" / "other").chmod(0o755)
    words = [*(["/usr/bin/nice"] if way == "behind nice" else []), str(hook)]
    search_path = f"{interpreter.parent}{os.pathsep}/bin"
    assert preflight.check_command(words, search_path, [os.getuid()]) == preflight.Findings()
    (tmp_path / wrong).chmod(0o777)
    problems = preflight.check_command(words, search_path, [os.getuid()]).problems
    assert problems
    assert all(problem.endswith(f"run: chmod o-w {tmp_path}/{wrong}") for problem in problems)
    assert any("interpreter" in problem.partition("may be changed")[0] for problem in problems)


@root_only
def test_an_access_list_is_no_matter_of_the_group(hook: Path, tmp_path: Path) -> None:
    """Where there is one, the group's bits are its mask: root's group is not who may write."""
    file = tmp_path / "real" / "hook"
    file.chmod(0o775)
    assert findings(hook) == preflight.Findings()
    entries = ((1, 7, 0xFFFFFFFF), (2, 6, STRANGER), (4, 5, 0xFFFFFFFF), (16, 7, 0xFFFFFFFF), (32, 5, 0xFFFFFFFF))
    try:
        packed = b"".join(struct.pack("<HHI", *entry) for entry in entries)
        os.setxattr(file, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    except OSError as error:
        pytest.skip(f"this file system has no access lists: {error}")
    (warning,) = findings(hook).warnings
    assert f"setfacl -b {file} ends that" in warning


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ("/usr/bin/env A=b HOOK", True),
        ("/usr/bin/nice -n 5 /usr/bin/env HOOK x", True),
        ("/usr/bin/env -u x HOOK", True),
        ("/usr/bin/env A=b hook", False),
        ("/usr/bin/env -u x hook", False),
        ("/usr/bin/env -u x /bin/nice hook", False),
        ("/usr/bin/env", False),
        ("HOOK env hook", True),
    ],
)
def test_what_stands_behind_a_launcher_is_seen_or_said_not_to_be(hook: Path, words: str, seen: bool) -> None:
    command = words.replace("HOOK", str(hook)).split()
    found = preflight.check_command(command, "/bin", [os.getuid()])
    assert (found.problems, ["is not looked at" in warning for warning in found.warnings]) == ([], [True] * (not seen))
    (hook.parent.parent / "real" / "hook").chmod(0o777)
    assert bool(preflight.check_command(command, "/bin", [os.getuid()]).problems) is seen
