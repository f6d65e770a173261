"""Programs that misbehave, run for real."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from certbot_external_auth import process


def script(folder: Path, body: str) -> str:
    path = folder / "script.sh"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def run(path: str, **options: object) -> tuple[process.Ended, list[str]]:
    said: list[str] = []
    environment = {"PATH": os.environ["PATH"]}
    ended = process.run([path], environment=environment, say=said.append, **options)  # type: ignore[arg-type]
    return ended, said


def gone(pid: int) -> bool:
    """Ended; a zombie that nobody has collected yet has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return gone(pid)


def test_output_and_exit_code(tmp_path: Path) -> None:
    ended, said = run(script(tmp_path, "echo one; echo two >&2; printf three; exit 4"))
    assert (ended.code, ended.ok, str(ended)) == (4, False, "exit code 4")
    assert sorted(said) == ["one", "three", "two"]
    assert ended.stdout == "one\nthree"


def test_a_signal_is_named(tmp_path: Path) -> None:
    ended, _ = run(script(tmp_path, "kill -9 $$"))
    assert str(ended) == "it was ended by signal SIGKILL"


def test_stdin_umask_and_descriptors(tmp_path: Path) -> None:
    path = script(tmp_path, "cat; umask; ls /proc/self/fd")
    ended, _ = run(path, stdin=b"hello\n", umask=0o077)
    assert ended.stdout.split() == ["hello", "0077", "0", "1", "2", "3"]


def test_a_document_that_nobody_reads(tmp_path: Path) -> None:
    ended, _ = run(script(tmp_path, "exit 0"), stdin=b"x" * 10_000_000)
    assert ended.ok


def test_the_limit_ends_the_whole_group_even_one_that_ignores_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most repeated complaint about hooks."""
    monkeypatch.setattr(process, "GRACE", 0.2)
    pids = tmp_path / "pids"
    ended, _ = run(script(tmp_path, f"trap '' TERM; sleep 600 & echo $! $$ >{pids}; wait; sleep 600"), limit=1.0)
    assert ended.timed_out
    assert "had not ended after 1 seconds" in str(ended)
    assert all(wait_until_gone(int(pid)) for pid in pids.read_text().split())


def test_a_child_in_the_background_is_not_waited_for_and_not_ended(tmp_path: Path) -> None:
    """Hooks start web servers; they hold the pipes, and must live until cleanup."""
    pids = tmp_path / "pid"
    ended, _ = run(script(tmp_path, f"sleep 600 & echo $! >{pids}; echo started"), limit=60)
    child = int(pids.read_text())
    try:
        assert ended.ok
        assert not gone(child)
    finally:
        os.kill(child, signal.SIGKILL)
        while process._lingering:
            process._lingering.pop().close()


def test_an_exception_ends_the_group(tmp_path: Path) -> None:
    """Certbot turns SIGTERM into one."""
    pids = tmp_path / "pid"

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    path = script(tmp_path, f"echo $$ >{pids}; echo go; sleep 600")
    with pytest.raises(KeyboardInterrupt):
        process.run([path], environment={"PATH": os.environ["PATH"]}, say=interrupt)
    assert wait_until_gone(int(pids.read_text()))


def test_rubbish_is_bounded_and_clean(tmp_path: Path) -> None:
    body = "head -c 20000000 /dev/zero | tr '\\0' x; echo; "
    body += "printf '\\033[31mred\\033[0m \\377\\000\\033]0;title\\007end\\n'"
    ended, said = run(script(tmp_path, body))
    assert ended.ok
    assert max(map(len, said)) <= process.LINE_LIMIT
    assert ended.tail[-1] == "red \ufffdend"
    assert sum(map(len, said)) <= process.TOTAL_LIMIT + 1000


def test_more_lines_than_the_log_shall_hold(tmp_path: Path) -> None:
    _, said = run(script(tmp_path, "yes 0123456789012345678901234567890123456789 | head -n 60000"))
    assert said[-1] == "(more output follows and is not logged)"
    assert said.count(said[-1]) == 1


def test_what_cannot_start_is_said(tmp_path: Path) -> None:
    ended, _ = run(str(tmp_path / "missing"))
    assert str(ended) == "it could not be started: No such file or directory"
