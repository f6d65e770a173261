"""Reading /proc/PID/stat, which a process can write its own name into."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.processes import table

LINE = b"77 (sleep) S 5 6 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 8192 100"


def test_a_line() -> None:
    assert table.parse_stat(LINE) == table.Process(77, "sleep", "S", 5, 6, 7, 12345)
    assert str(table.parse_stat(LINE)) == "process 77 (sleep)"


def test_a_name_that_looks_like_the_rest_of_the_line() -> None:
    """Guards against: a signal to the wrong process, after one gave itself a name with a parenthesis."""
    parsed = table.parse_stat(LINE.replace(b"sleep", b"x) Z 1 1 (\x1b[2J\n"))
    assert (parsed.parent, parsed.state, parsed.started) == (5, "S", 12345)
    assert "\x1b" not in parsed.name
    assert "\n" not in parsed.name


@given(st.binary(max_size=200))
def test_anything_else_is_an_error_of_its_own(stat: bytes) -> None:
    with contextlib.suppress(ValueError):
        table.parse_stat(stat)


def test_a_signal_reaches_one_process_and_never_another_with_its_number() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as sleeper:
        member = table.read_process_table()[sleeper.pid]
        before = table.Process(member.pid, member.name, "S", member.parent, member.group, member.session, 1)
        before.send_signal(signal.SIGKILL)
        assert sleeper.poll() is None
        member.send_signal(signal.SIGKILL)
        assert sleeper.wait(10) == -signal.SIGKILL


def test_descendants_go_down_all_the_way_and_end_where_nobody_runs() -> None:
    def member(pid: int, parent: int, state: str = "S") -> table.Process:
        return table.Process(pid, "x", state, parent, pid, pid, 1)

    processes = {one.pid: one for one in (member(2, 1), member(3, 2), member(4, 3, "Z"), member(5, 1), member(6, 6))}
    assert {one.pid for one in table.running_below(processes, [2, 6, 99])} == {2, 3, 6}


def test_who_holds_a_pipe() -> None:
    reading, writing = os.pipe()
    try:
        inode = os.fstat(writing).st_ino
        with subprocess.Popen(["cat"], stdin=reading, stdout=subprocess.DEVNULL, close_fds=True) as cat:
            assert table.holds_pipe(cat.pid, [inode])
            assert not table.holds_pipe(cat.pid, [inode + 1])
            os.close(writing)
            writing = -1
        assert not table.holds_pipe(cat.pid, [inode])
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def test_ancestors_go_up_to_the_first_process() -> None:
    processes = table.read_process_table()
    pids = table.with_ancestors(processes, os.getpid())
    assert {os.getpid(), os.getppid()} <= pids
    assert all(processes[pid].parent in pids for pid in pids if pid in processes)
    assert table.with_ancestors({}, 7) == {7}


def test_a_process_that_has_ended_does_not_still_run() -> None:
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        process = table.read_process(sleeper.pid)
        assert process is not None
        assert process.still_runs()
        sleeper.kill()
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
        # A zombie until this process waits for it.
        assert not process.still_runs()
    assert not process.still_runs()
