"""Programs that misbehave, run for real."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from certbot_external_auth.processes import output, runner, running
from certbot_external_auth.processes.program import Ended, Program


def script(folder: Path, body: str) -> str:
    path = folder / "script.sh"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def run(path: str, **options: object) -> tuple[runner.Ended, list[str]]:
    said: list[str] = []
    environment = {"PATH": os.environ["PATH"]}
    ended = runner.run([path], environment=environment, say=said.append, **options)  # type: ignore[arg-type]
    return ended, said


def gone(pid: int) -> bool:
    """Tell whether a process has ended. A zombie has ended, too."""
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
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.2)
    pids = tmp_path / "pids"
    ended, _ = run(script(tmp_path, f"trap '' TERM; sleep 600 & echo $! $$ >{pids}; wait; sleep 600"), limit=1.0)
    assert (ended.timed_out, ended.limit) == (True, 1.0)
    assert all(wait_until_gone(int(pid)) for pid in pids.read_text().split())


def test_a_child_in_the_background_is_not_waited_for_and_not_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Hooks start web servers; they hold the pipes, and must live until cleanup."""
    pids = tmp_path / "pid"
    ended, _ = run(script(tmp_path, f"sleep 600 & echo $! >{pids}; echo started"), limit=60)
    child = int(pids.read_text())
    try:
        assert ended.ok
        assert not gone(child)
        assert "process will block after another 64 KiB, or be killed when it writes after Certbot exits" in caplog.text
    finally:
        os.kill(child, signal.SIGKILL)
        while running._lingering:
            running._lingering.pop().close()


def test_an_exception_ends_the_group(tmp_path: Path) -> None:
    """Certbot turns SIGTERM into one."""
    pids = tmp_path / "pid"

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    path = script(tmp_path, f"echo $$ >{pids}; echo go; sleep 600")
    with pytest.raises(KeyboardInterrupt):
        runner.run([path], environment={"PATH": os.environ["PATH"]}, say=interrupt)
    assert wait_until_gone(int(pids.read_text()))


def test_rubbish_is_bounded_and_clean(tmp_path: Path) -> None:
    body = "head -c 20000000 /dev/zero | tr '\\0' x; echo; "
    body += "printf '\\033[31mred\\033[0m \\377\\000\\033]0;title\\007end\\n'"
    ended, said = run(script(tmp_path, body))
    assert ended.ok
    assert max(map(len, said)) <= output.MAX_LINE_CHARACTERS
    assert ended.tail[-1] == "red \ufffdend"
    assert sum(map(len, said)) <= output.MAX_LOGGED_BYTES + 1000


def test_more_lines_than_the_log_shall_hold(tmp_path: Path) -> None:
    _, said = run(script(tmp_path, "yes 0123456789012345678901234567890123456789 | head -n 60000"))
    assert said[-1] == "(more output follows and is not logged)"
    assert said.count(said[-1]) == 1


def test_short_lines_are_bounded_too(tmp_path: Path) -> None:
    """A record of the log is longer than what a program says in it."""
    _, said = run(script(tmp_path, "yes x | head -n 10000"))
    assert said == ["x"] * output.MAX_LOGGED_LINES + ["(more output follows and is not logged)"]


@pytest.mark.parametrize("empty", ["", "  ", "\\033[0m"])
def test_empty_lines_in_a_row_are_one(tmp_path: Path, empty: str) -> None:
    body = f"printf 'a\\n'; yes \"$(printf '{empty}')\" | head -n 10000; printf 'b\\n\\nc\\n'"
    ended, said = run(script(tmp_path, body))
    assert said == ["a", "", "b", "", "c"]
    assert ended.tail[-2:] == ("b", "c")


def test_what_cannot_start_is_said(tmp_path: Path) -> None:
    ended, _ = run(str(tmp_path / "missing"))
    assert str(ended) == "it could not be started: No such file or directory"


# --- several at a time ---


def program(path: str, *words: str, limit: float | None = None, said: list[str] | None = None) -> Program:
    say = (lambda line: None) if said is None else said.append
    return Program([path, *words], {"PATH": os.environ["PATH"]}, say, limit=limit)


def run_all(programs: dict[str, Program]) -> dict[str, Ended]:
    ends: dict[str, Ended] = {}
    with runner.Together[str]() as together:
        for name, program in programs.items():
            together.start(name, program)
        while together:
            ends.update(together.wait())
        assert together.wait() == []
    return ends


def test_several_run_side_by_side_and_each_has_its_own_output_and_end(tmp_path: Path) -> None:
    """Each ends only when all of them have begun."""
    waits = script(tmp_path, f'touch {tmp_path}/"$1"; echo "$1"; while ! [ -e {tmp_path}/"$2" ]; do :; done; exit "$3"')
    said: dict[str, list[str]] = {"1": [], "2": [], "3": []}
    ends = run_all(
        {
            "1": program(waits, "1", "2", "0", limit=60, said=said["1"]),
            "2": program(waits, "2", "3", "5", limit=60, said=said["2"]),
            "3": program(waits, "3", "1", "0", limit=60, said=said["3"]),
            "none": program(str(tmp_path / "missing")),
        }
    )
    assert {name: str(ended) for name, ended in ends.items()} == {
        "1": "exit code 0",
        "2": "exit code 5",
        "3": "exit code 0",
        "none": "it could not be started: No such file or directory",
    }
    assert said == {"1": ["1"], "2": ["2"], "3": ["3"]}


def test_a_limit_ends_only_the_one_that_is_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.2)
    late = script(tmp_path, f"trap '' TERM; touch {tmp_path}/late; while :; do sleep 600; done")
    other = tmp_path / "other.sh"
    other.write_text("#!/bin/sh\nread line <$1\necho $line\n")
    other.chmod(0o755)
    os.mkfifo(tmp_path / "fifo")
    said: list[str] = []
    with runner.Together[str]() as together:
        together.start("late", program(late, limit=0.5))
        together.start("other", program(str(other), str(tmp_path / "fifo"), said=said))
        ((first, ended),) = together.wait()
        assert (first, ended.timed_out) == ("late", True)
        (tmp_path / "fifo").write_text("still here\n")
        ((second, ended),) = together.wait()
    assert (second, ended.ok, said) == ("other", True, ["still here"])


def test_an_exception_ends_all_of_them_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that see to SIGTERM have their time for it while others do not."""
    monkeypatch.setattr(running, "GRACE_SECONDS", 1.0)
    stubborn = script(tmp_path, f"trap '' TERM; echo $$ >{tmp_path}/$1; while :; do sleep 600; done")
    tidy = tmp_path / "tidy.sh"
    tidy.write_text(f"#!/bin/sh\ntrap 'echo tidied >{tmp_path}/tidied; exit' TERM\necho $$ >{tmp_path}/$1\n")
    tidy.write_text(tidy.read_text() + "while :; do read line; done <$2\n")
    tidy.chmod(0o755)
    os.mkfifo(tmp_path / "never")
    holder = os.open(tmp_path / "never", os.O_RDWR)

    def interrupt() -> None:
        with runner.Together[str]() as together:
            together.start("a", program(stubborn, "a"))
            together.start("b", program(stubborn, "b"))
            together.start("c", program(str(tidy), "c", str(tmp_path / "never")))
            deadline = time.monotonic() + 20
            while not all(has_text(tmp_path / name) for name in "abc") and time.monotonic() < deadline:
                time.sleep(0.01)
            raise KeyboardInterrupt

    before = len(os.listdir("/proc/self/fd"))
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        os.close(holder)
    assert all(gone(int((tmp_path / name).read_text())) for name in "abc")
    assert (tmp_path / "tidied").read_text() == "tidied\n"


def has_text(path: Path) -> bool:
    return path.exists() and path.read_text() != ""


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    path = script(tmp_path, "cat; echo out; echo err >&2")
    before = sorted(os.listdir("/proc/self/fd"))
    for limit in (None, 60.0):
        assert all(ended.ok for ended in run_all({str(n): program(path, limit=limit) for n in range(20)}).values())
    run_all({"missing": program(str(tmp_path / "missing")), "there": program(path)})
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_without_a_descriptor_that_tells_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels below 5.3 have none, and Python on some systems does not offer it."""
    monkeypatch.delattr(os, "pidfd_open")
    path = script(tmp_path, "exit 7")
    assert [ended.code for ended in run_all({str(n): program(path) for n in range(3)}).values()] == [7, 7, 7]


# --- what a program has started in turn ---


def pids_in(path: Path, count: int) -> list[int]:
    """The pids that a script notes, once all of them are there."""
    deadline = time.monotonic() + 20
    while not path.exists() or len(path.read_text().split()) < count:
        assert time.monotonic() < deadline, "the script has not noted what it started"
        time.sleep(0.01)
    return [int(word) for word in path.read_text().split()]


LEAVES_ITS_GROUP = """
setsid sh -c 'exec >/dev/null 2>&1; setsid sleep 600 & echo $! $$ >>{pids}; sleep 600' &
"""


def test_the_limit_ends_also_what_has_left_the_group(tmp_path: Path) -> None:
    """Guards against: a daemon of a script that goes on writing records after the script was ended."""
    pids = tmp_path / "pids"
    ended, _ = run(script(tmp_path, LEAVES_ITS_GROUP.format(pids=pids) + "sleep 600"), limit=1.0)
    assert ended.timed_out
    assert ended.left == ()
    assert all(map(gone, pids_in(pids, 2)))


def test_the_limit_of_one_does_not_end_the_daemon_of_another(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    daemon = script(tmp_path, LEAVES_ITS_GROUP.format(pids=pids) + "read line <$1")
    os.mkfifo(tmp_path / "fifo")
    late = tmp_path / "late.sh"
    late.write_text("#!/bin/sh\nsleep 600\n")
    late.chmod(0o755)
    with runner.Together[str]() as together:
        together.start("daemon", program(daemon, str(tmp_path / "fifo")))
        started = pids_in(pids, 2)
        together.start("late", program(str(late), limit=0.2))
        ((name, ended),) = together.wait()
        assert (name, ended.timed_out) == ("late", True)
        assert not any(map(gone, started))
        (tmp_path / "fifo").write_text("go\n")
        together.wait()
    for pid in started:
        os.killpg(pid, signal.SIGKILL)


LEAVES_ITS_PARENT = """
( setsid sh -c 'echo $$ >>{folder}/$1; exec sleep 600' sh "$1" >/dev/null 2>&1 </dev/null & )
"""
"""A daemon as it should be: another session, no parent, none of our pipes."""


def leaves_its_parent(folder: Path, rest: str) -> str:
    return script(folder, LEAVES_ITS_PARENT.format(folder=folder) + rest)


def noted_in(folder: Path, *names: str) -> list[int]:
    return [pids_in(folder / name, 1)[0] for name in names]


def test_an_exception_ends_all_that_has_left_any_of_them(tmp_path: Path) -> None:
    """Guards against: a process that still writes records after a service was stopped."""
    path = leaves_its_parent(tmp_path, "sleep 600")

    def interrupt() -> None:
        with runner.Together[str]() as together:
            for name in "abc":
                together.start(name, program(path, name))
                noted_in(tmp_path, name)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert all(map(gone, noted_in(tmp_path, *"abc")))


def test_the_limit_ends_what_has_left_the_late_one_and_nothing_of_others(tmp_path: Path) -> None:
    """Guards against: a wrong error, which says it was stopped, and the end of another handler's server."""
    os.mkfifo(tmp_path / "fifo")
    path = leaves_its_parent(tmp_path, '[ "$1" = late ] && sleep 600; read line <"$2"')
    with contextlib.suppress(KeyboardInterrupt), runner.Together[str]() as together:
        for name, limit in (("one", None), ("late", 1.0), ("other", None)):
            together.start(name, program(path, name, str(tmp_path / "fifo"), limit=limit))
            noted_in(tmp_path, name)
        ((name, ended),) = together.wait()
        assert (name, ended.timed_out, ended.left) == ("late", True, ())
        assert [gone(pid) for pid in noted_in(tmp_path, "one", "late", "other")] == [False, True, False]
        raise KeyboardInterrupt
    assert all(map(gone, noted_in(tmp_path, "one", "other")))


@pytest.mark.parametrize(("keeps_pipe", "alone", "ended_too"), [(1, 0, True), (0, 0, False), (0, 1, True)])
def test_an_orphan_without_a_tag_is_known_by_its_pipes_or_by_elimination(
    tmp_path: Path, keeps_pipe: bool, alone: bool, ended_too: bool
) -> None:
    """A program that sets its limits itself, as a log-in can, has no tag."""
    output = "" if keeps_pipe else ">/dev/null 2>&1"
    orphan = f"( setsid prlimit --locks=5:5 sh -c 'echo $$ >>{tmp_path}/pid; exec sleep 600' {output} </dev/null & )"
    path = script(tmp_path, f"{orphan}\nuntil [ -s {tmp_path}/pid ]; do :; done; sleep 600")
    with contextlib.suppress(KeyboardInterrupt), runner.Together[str]() as together:
        if not alone:
            together.start("other", program("/bin/sleep", "600"))
        together.start("late", program(path, limit=1.0))
        ((name, ended),) = together.wait()
        assert (name, ended.timed_out) == ("late", True)
        (pid,) = pids_in(tmp_path / "pid", 1)
        still_there = not gone(pid)
        if still_there:
            os.kill(pid, signal.SIGKILL)
        assert still_there is not ended_too
        raise KeyboardInterrupt


@pytest.mark.parametrize("how", ["limit", "exception"])
def test_what_one_that_has_ended_left_on_purpose_goes_on(tmp_path: Path, how: str) -> None:
    """Guards against: the end of a server that a hook started for the CA, because another hook hangs."""
    tidy = leaves_its_parent(tmp_path, f"while ! [ -e {tmp_path}/tidy ] || ! [ -e {tmp_path}/begun ]; do :; done")
    late = tmp_path / "late.sh"
    late.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nsleep 600\n")
    late.chmod(0o755)
    try:
        with contextlib.suppress(KeyboardInterrupt), runner.Together[str]() as together:
            # It begins first, so that what the other one leaves is younger than it.
            together.start("late", program(str(late), limit=2.0 if how == "limit" else None))
            together.start("tidy", program(tidy, "tidy"))
            ((name, ended),) = together.wait()
            assert (name, ended.ok) == ("tidy", True)
            if how == "exception":
                raise KeyboardInterrupt
            ((name, ended),) = together.wait()
            assert (name, ended.timed_out) == ("late", True)
        (pid,) = noted_in(tmp_path, "tidy")
        assert not gone(pid)
    finally:
        for pid in noted_in(tmp_path, "tidy"):
            os.kill(pid, signal.SIGKILL)


def test_what_goes_on_is_named_with_how_to_mend_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Guards against: no message about a process of a nightly renewal that still runs in the morning."""
    pids = tmp_path / "pid"
    path = script(tmp_path, f"sleep 600 & echo $! >{pids}; exit 4")
    ended, _ = run(path)
    (child,) = pids_in(pids, 1)
    os.kill(child, signal.SIGKILL)
    assert ended.code == 4
    (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert f"process {child} (sleep)" in record.getMessage()
    assert path in record.getMessage()
    assert ">/dev/null 2>&1" in record.getMessage()
    while running._lingering:
        running._lingering.pop().close()


def test_what_a_shells_tee_still_writes_is_read(tmp_path: Path) -> None:
    """`exec > >(tee log)`, in many hooks, writes the last lines when the script itself has ended."""
    path = tmp_path / "script.sh"
    path.write_text("#!/bin/bash\nexec > >(sleep 0.05; cat) 2>&1\necho the last words\n")
    path.chmod(0o755)
    _, said = run(str(path))
    assert said == ["the last words"]


def test_what_has_ended_is_collected(tmp_path: Path) -> None:
    """Guards against: zombies that use up process numbers in a renewal of hundreds of lineages."""
    pids = tmp_path / "pid"
    path = script(tmp_path, f"true & echo $! >>{pids}; setsid true & echo $! >>{pids}")
    run(path)
    noted = pids_in(pids, 2)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in noted) and time.monotonic() < deadline:
        run(path)
    assert not any(Path(f"/proc/{pid}").exists() for pid in noted)


# The second one comes at any moment, also between the opening of a file and the `with` that closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_second_exception_ends_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second Ctrl-C."""
    monkeypatch.setattr(running, "GRACE_SECONDS", 60.0)
    pids = tmp_path / "pids"
    path = script(tmp_path, f"trap '' TERM INT; echo $$ >>{pids}; echo go; while :; do sleep 600; done")

    def interrupt(line: str) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        raise KeyboardInterrupt

    def again(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, again)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.run([path], environment={"PATH": os.environ["PATH"]}, say=interrupt)
    finally:
        signal.signal(signal.SIGALRM, before)
    # Not a measurement: the alternative is the whole grace period.
    assert time.monotonic() - began < running.GRACE_SECONDS
    assert all(map(gone, pids_in(pids, 1)))


def test_a_signal_while_a_program_is_started_does_not_lose_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python tells of a new process some steps after the system has made it."""
    started: list[int] = []
    real = runner._popen

    def interrupted(program: Program) -> object:
        popen = real(program)
        started.append(popen.pid)
        os.kill(os.getpid(), signal.SIGINT)
        return popen

    monkeypatch.setattr(runner, "_popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(script(tmp_path, "sleep 600"))
    assert all(map(gone, started))


UNHANDLED = """
import os, sys
from certbot_external_auth.processes import runner as process

process.run([sys.argv[1]], environment={"PATH": os.environ["PATH"]}, say=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_nobody_handles_ends_what_was_started_too(tmp_path: Path, number: signal.Signals) -> None:
    """Guards against: a handler that outlives Certbot, which handles signals only while it publishes."""
    words = [sys.executable, "-c", UNHANDLED, script(tmp_path, "echo $$; exec sleep 600")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        caller.send_signal(number)
        assert caller.wait(30) == -number
    assert wait_until_gone(pid)


AS_NOBODY = """
import os, sys
from certbot_external_auth.processes import runner as process, running

running.GRACE_SECONDS = 0.2
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
words = [sys.argv[1], "--reuid=0", "--regid=0", "--clear-groups", "sleep", "600"]
print(process.run(words, environment=dict(os.environ), say=print, limit=0.5))
"""


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_what_cannot_be_ended_is_not_waited_for() -> None:
    """A handler may become another user by sudo, where Certbot itself does not run as root."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        sudo = shutil.copy(str(shutil.which("setpriv")), folder)
        os.chmod(sudo, 0o4755)
        words = [sys.executable, "-c", AS_NOBODY, sudo]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    said = re.search(r"process (\d+) \(sleep\) could not be ended", ended.stdout)
    assert said is not None, ended
    os.kill(int(said[1]), signal.SIGKILL)
