"""The number by which a program's orphans are known."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.processes import rlimit_tag

FILE_LOCKS = 10
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the limit and tells it")


def start(*words: str) -> subprocess.Popen[bytes]:
    """A program that runs until its input ends; it has said that it is there."""
    script = 'echo; exec "$@"'
    popen = subprocess.Popen(
        ["env", "-i", "setsid", "sh", "-c", script, "sh", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert popen.stdout is not None
    popen.stdout.readline()
    return popen


def test_each_start_has_another_that_survives_a_clean_environment_and_a_new_session() -> None:
    with rlimit_tag.tagging() as first, start("cat") as one, rlimit_tag.tagging() as second, start("cat") as two:
        assert first is not None
        assert first != second
        assert (rlimit_tag.of(one.pid), rlimit_tag.of(two.pid)) == (first, second)
        one.communicate()
        two.communicate()


def test_this_process_keeps_its_own_limit() -> None:
    before = resource.getrlimit(FILE_LOCKS)
    with rlimit_tag.tagging():
        pass
    assert resource.getrlimit(FILE_LOCKS) == before
    with start("cat") as unmarked:
        assert rlimit_tag.of(unmarked.pid) is None
        unmarked.communicate()


def test_a_program_that_sets_the_limit_itself_has_none() -> None:
    with rlimit_tag.tagging(), start("prlimit", "--locks=5:5", "cat") as own:
        assert own.stdout is not None
        assert own.stdin is not None
        own.stdin.write(b"there\n")
        own.stdin.flush()
        assert own.stdout.readline() == b"there\n"
        assert rlimit_tag.of(own.pid) is None
        own.communicate()


@pytest.mark.parametrize("error", [OSError(1, "refused"), ValueError("above the hard limit")])
def test_where_the_system_does_not_let_us_nothing_is_different(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise error

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with rlimit_tag.tagging() as number:
        assert number is None


@pytest.mark.parametrize("text", ["", "Limit\n", "Max file locks", "Max file locks  x  y locks\n", "\xff\n"])
def test_what_is_no_table_of_limits_has_no_mark(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "limits"
    path.write_text(text)
    monkeypatch.setattr(rlimit_tag, "_LIMITS", str(path))
    assert rlimit_tag.of(1) is None
