"""Whether a handler can start, and the programs that start with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certbot_external_auth.handler_setup import preflight, trust


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """A script behind a link: home/link -> real/hook."""
    for name in ("home", "real"):
        (tmp_path / name).mkdir()
    script = tmp_path / "real" / "hook"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    os.symlink(script, tmp_path / "home" / "link")
    return tmp_path / "home" / "link"


def test_a_file_without_permission_to_run_is_a_problem(hook: Path) -> None:
    """Also for root, whom the system lets read and write it."""
    hook.resolve().chmod(0o644)
    (problem,) = preflight.check_command([str(hook)], "/bin", [os.getuid()]).problems
    assert f"chmod +x {hook}" in problem


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
def test_the_interpreter_is_checked(hook: Path, interpreter: Path, tmp_path: Path, way: str, wrong: str) -> None:
    first = {"found by env": "/usr/bin/env -S -i X=1 interpreter -u", "in turn": f"{tmp_path}/bin/other"}
    hook.write_text(f"#!{first.get(way, interpreter)}\n")
    (tmp_path / "bin" / "other").write_text(f"#!{interpreter}\n")
    (tmp_path / "bin" / "other").chmod(0o755)
    words = [*(["/usr/bin/nice"] if way == "behind nice" else []), str(hook)]
    search_path = f"{interpreter.parent}{os.pathsep}/bin"
    assert preflight.check_command(words, search_path, [os.getuid()]) == trust.Findings()
    (tmp_path / wrong).chmod(0o777)
    problems = preflight.check_command(words, search_path, [os.getuid()]).problems
    assert problems
    assert all(problem.endswith(f"run: chmod o-w {tmp_path}/{wrong}") for problem in problems)
    assert any("interpreter" in problem.partition("can be changed")[0] for problem in problems)


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
def test_a_handler_behind_a_launcher_is_checked_or_reported(hook: Path, words: str, seen: bool) -> None:
    command = words.replace("HOOK", str(hook)).split()
    found = preflight.check_command(command, "/bin", [os.getuid()])
    assert (found.problems, ["was not checked" in warning for warning in found.warnings]) == ([], [True] * (not seen))
    (hook.parent.parent / "real" / "hook").chmod(0o777)
    assert bool(preflight.check_command(command, "/bin", [os.getuid()]).problems) is seen


def test_a_script_without_a_first_line_is_offered_its_interpreter(hook: Path) -> None:
    hook.write_text("echo\n")
    (problem,) = preflight.check_command([str(hook)], "/bin", [os.getuid()]).problems
    assert f"sh {hook}" in problem
    assert preflight.check_command(["/bin/sh", str(hook)], "/bin", [os.getuid()]).problems == []


def test_the_text_of_a_script_behind_its_interpreter_is_read_without_a_first_line(hook: Path) -> None:
    hook.write_text("echo $CERTBOT_DOMAIN\n")
    assert "CERTBOT_DOMAIN" in preflight.handler_text(["/usr/bin/env", "/bin/sh", str(hook), "x"])
    assert preflight.handler_text([str(hook)]) == ""
    hook.write_bytes(b"#!\0CERTBOT_DOMAIN")
    assert preflight.handler_text(["/bin/sh", str(hook)]) == ""


@pytest.mark.parametrize("missing", ["gone", "gone/hook"])
def test_what_names_a_handler_that_is_gone_is_said(tmp_path: Path, missing: str) -> None:
    (problem,) = preflight.check_command([str(tmp_path / missing)], "/bin", [], "HOOK in /etc/config").problems
    assert "correct HOOK in /etc/config" in problem
    assert "--external-auth" not in problem
