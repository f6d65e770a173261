"""Inherited signal settings, tested with real children of processes that are started with them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from certbot_external_auth.processes import child, runner
from certbot_external_auth.processes.program import Ended
from tests.support.dispositions import as_process_one, can_be_process_one, process_one, started_with

ROOT = Path(__file__).parents[3]
RUN = """
import json, os, sys, threading
from certbot_external_auth.processes import runner as process
from certbot_external_auth.processes.program import Ended
found = []
def run():
    limit = float(sys.argv[2]) if len(sys.argv) > 2 else None
    said = lambda line: print(line, flush=True)
    found.append(process.run(["/bin/bash", "-c", sys.argv[1]], environment=dict(os.environ), say=said, limit=limit))
{how}
print(json.dumps([found[0].ok, found[0].code, str(found[0])]), flush=True)
"""
IN_MAIN, IN_THREAD = "run()", "one = threading.Thread(target=run); one.start(); one.join()"


def outcome(before: Sequence[str], script: str, *more: str, how: str = IN_MAIN) -> tuple[list[str], bool, int, str]:
    """What a script of bash's printed, and what a process that was started in such a way says of its end."""
    words = [*before, sys.executable, "-c", RUN.format(how=how), script, *more]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.stderr == ""
    *printed, last = ended.stdout.splitlines()
    return printed, *json.loads(last)


@pytest.mark.parametrize("how", [IN_MAIN, IN_THREAD])
def test_an_exit_code_where_sigchld_is_ignored(how: str) -> None:
    """Guards against: a failed handler that counts as a success."""
    _, ok, code, said = outcome(started_with(ignored=[signal.SIGCHLD]), "exit 5", how=how)
    assert (ok, code, said) == (False, 5, "exit code 5")


@pytest.mark.parametrize("how", [IN_MAIN, IN_THREAD])
def test_exit_codes_that_a_handler_asks_for_where_sigchld_is_ignored(how: str) -> None:
    """The same within a hook that is written in Python, or another language that does not undo it."""
    script = f"{shlex.quote(sys.executable)} -c 'import subprocess; print(subprocess.call(\"exit 3\", shell=True))'"
    printed, ok, *_ = outcome(started_with(ignored=[signal.SIGCHLD]), script, how=how)
    assert (printed, ok) == (["3"], True)


def test_an_exit_code_that_another_part_of_the_process_takes_is_not_success() -> None:
    """Guards against: an unknown exit code, which `Popen` reports as 0, that counts as a success."""
    popen = subprocess.Popen(["sh", "-c", "exit 5"])
    os.waitpid(popen.pid, 0)
    one = child.Child(popen)
    assert one.poll()
    assert one.code is None
    ended = Ended(code=one.code)
    assert not ended.ok
    assert "not known" in str(ended)


def test_who_waits_for_all_children_of_the_process_makes_no_success() -> None:
    """As an installer of others may, in a thread of its own."""
    script = """
import os, threading
def reap():
    while True:
        try: os.wait()
        except ChildProcessError: pass
threading.Thread(target=reap, daemon=True).start()
run()
"""
    _, ok, code, _ = outcome(started_with(), "exit 5", how=script)
    assert not ok
    assert code in (None, 5)


def test_a_child_that_another_part_of_the_process_has_started_is_not_collected(tmp_path: Path) -> None:
    """Guards against: taking the exit code of a child that another part of the process waits for."""
    with subprocess.Popen(["sh", "-c", "exit 5"], start_new_session=True) as others:
        os.waitid(os.P_PID, others.pid, os.WEXITED | os.WNOWAIT)
        # What is started and left has all processes looked at.
        runner.run(["/bin/sh", "-c", "sleep 0.1 & exit 0"], environment={"PATH": os.environ["PATH"]}, say=str)
        assert others.wait() == 5


@pytest.mark.parametrize("how", ["ignored", "blocked"])
def test_a_handler_can_be_told_to_end(how: str) -> None:
    """Guards against: a shell script whose trap never runs, because it inherited an ignored signal."""
    before = started_with(**{how: [signal.SIGTERM]})
    printed, ok, _, said = outcome(before, "trap 'echo told; exit 1' TERM; while :; do sleep 0.05; done", "1")
    assert "told" in printed
    assert not ok
    assert "had not ended" in said


def test_what_was_ignored_on_purpose_stays_so() -> None:
    """nohup, and `&` of a shell without job control."""
    before = started_with(ignored=[signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE])
    printed, *_ = outcome(before, "exec env --list-signal-handling true")
    kept = {line.split()[0] for line in printed}
    assert {"HUP", "INT", "QUIT"} <= kept
    assert not kept & {"PIPE", "CHLD", "TERM"}


def test_nothing_is_blocked_in_a_handler() -> None:
    """Guards against: a hook that waits for a blocked signal for ever."""
    before = started_with(blocked=[signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGALRM])
    printed, *_ = outcome(before, "grep SigBlk /proc/self/status")
    assert printed == ["SigBlk:\t0000000000000000"]


DETACHED = """
import os, sys
from certbot_external_auth.processes import runner as process
_, ended = process.detached(sys.argv[3:], environment=os.environ, output=sys.argv[1], code=sys.argv[2], inherited=())
import time
while not ended(): time.sleep(0.01)
"""


def test_the_exit_code_of_what_is_started_in_the_background(tmp_path: Path) -> None:
    words = [sys.executable, "-c", DETACHED, str(tmp_path / "output"), str(tmp_path / "code")]
    certbot = ["/bin/sh", "-c", "env --list-signal-handling true; exit 7"]
    numbers = [signal.SIGCHLD, signal.SIGTERM]
    subprocess.run([*started_with(numbers, numbers), *words, *certbot], cwd=ROOT, check=True, timeout=60)
    assert (tmp_path / "code").read_text().strip() == "7"
    assert (tmp_path / "output").read_text() == ""


one_of_a_container = pytest.mark.skipif(not can_be_process_one(), reason="it needs the right to make a namespace")
GOES_ON = (
    "from certbot_external_auth.processes import runner as process\n"
    "from certbot_external_auth.signals import dispositions, deferral as signals\nimport os, signal, sys, time\n"
)
WAITS = f"""{GOES_ON}
said = lambda line: print(line, flush=True)
script = "trap 'echo told >$TOLD; exit 1' TERM; echo there; while :; do sleep 0.05; done"
process.run(["/bin/bash", "-c", script], environment=dict(os.environ), say=said)
print("goes on")
"""
BETWEEN = f"""{GOES_ON}
process.run(["/bin/true"], environment={{}}, say=str)
print("there", flush=True)
time.sleep(60)
"""


def outcome_as_process_one(script: str, number: int | None = None) -> tuple[int, list[str]]:
    """Exit code and output of a script of Python's, which gets a signal when it has printed its first line."""
    words = [*as_process_one(), sys.executable, "-c", script]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as unshare:
        assert unshare.stdout is not None
        if number is not None:
            assert unshare.stdout.readline() == b"there\n"
            os.kill(process_one(unshare), number)
        printed, _ = unshare.communicate(timeout=60)
    return unshare.returncode, printed.decode().splitlines()


@one_of_a_container
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_process_1_ends_by_a_signal_and_its_handler_is_told(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against: a lost signal: the kernel drops signals that process 1 does not handle."""
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    assert outcome_as_process_one(WAITS, number) == (128 + number, [])
    assert (tmp_path / "told").read_text() == "told\n"


@one_of_a_container
def test_process_1_ends_by_a_signal_between_two_programs() -> None:
    assert outcome_as_process_one(BETWEEN, signal.SIGTERM) == (143, [])


@one_of_a_container
def test_process_1_can_end_itself_by_a_signal() -> None:
    """As Certbot does when it has cleaned up."""
    code, printed = outcome_as_process_one(f"{GOES_ON}signals.end_process(signal.SIGTERM); print('on')")
    assert (code, printed) == (143, [])
    code, printed = outcome_as_process_one(f"{GOES_ON}dispositions.settle(); os.kill(1, signal.SIGTERM); time.sleep(9)")
    assert (code, printed) == (143, [])


@one_of_a_container
def test_process_1_leaves_the_orphans_of_others_alone() -> None:
    """Guards against: ending a process of the container that another program started."""
    script = f"""{GOES_ON}
import subprocess, threading
pids = []
def other():
    script = "sleep 600 </dev/null >/dev/null 2>&1 & echo $!"
    pids.append(int(subprocess.check_output(["setsid", "sh", "-c", script])))
hook = "while :; do sleep 0.05; done"
def say(line):
    other(); print(line, flush=True)
ended = process.run(["/bin/bash", "-c", "echo there; " + hook], environment=dict(os.environ), say=say, limit=1)
print(ended.timed_out, os.path.exists(f"/proc/{{pids[0]}}"))
"""
    code, printed = outcome_as_process_one(script)
    assert (code, printed) == (0, ["there", "True True"])
