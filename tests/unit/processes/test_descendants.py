"""Reading /proc/PID/stat, which a process can write its own name into."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.processes import descendants

LINE = b"77 (sleep) S 5 6 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 8192 100"


def test_a_line() -> None:
    assert descendants.parse(LINE) == descendants.Member(77, "sleep", "S", 5, 6, 7, 12345)
    assert str(descendants.parse(LINE)) == "process 77 (sleep)"


def test_a_name_that_looks_like_the_rest_of_the_line() -> None:
    """Lost: the right process, by one that gives itself a name with a parenthesis in it."""
    found = descendants.parse(LINE.replace(b"sleep", b"x) Z 1 1 (\x1b[2J\n"))
    assert (found.parent, found.state, found.started) == (5, "S", 12345)
    assert "\x1b" not in found.name
    assert "\n" not in found.name


@given(st.binary(max_size=200))
def test_anything_else_is_an_error_of_its_own(stat: bytes) -> None:
    with contextlib.suppress(ValueError):
        descendants.parse(stat)


def test_a_signal_reaches_one_process_and_never_another_with_its_number() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as sleeper:
        member = descendants.look()[sleeper.pid]
        before = descendants.Member(member.pid, member.name, "S", member.parent, member.group, member.session, 1)
        descendants.send(before, signal.SIGKILL)
        assert sleeper.poll() is None
        descendants.send(member, signal.SIGKILL)
        assert sleeper.wait(10) == -signal.SIGKILL


def test_descendants_go_down_all_the_way_and_end_where_nobody_runs() -> None:
    def member(pid: int, parent: int, state: str = "S") -> descendants.Member:
        return descendants.Member(pid, "x", state, parent, pid, pid, 1)

    table = {one.pid: one for one in (member(2, 1), member(3, 2), member(4, 3, "Z"), member(5, 1), member(6, 6))}
    assert {one.pid for one in descendants.descendants(table, [2, 6, 99])} == {2, 3, 6}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to others than init")
def test_orphans_come_to_us() -> None:
    assert descendants.adopt()
    since = descendants.now()
    script = "setsid sleep 600 </dev/null >/dev/null 2>&1 & exit 0"
    with subprocess.Popen(["sh", "-c", script], start_new_session=True) as parent:
        parent.wait(10)
    deadline = time.monotonic() + 20
    found: list[descendants.Member] = []
    while not found and time.monotonic() < deadline:
        found = [one for one in descendants.orphans(descendants.look(), since, [parent.pid]) if one.name == "sleep"]
    assert [one.parent for one in found] == [os.getpid()]
    for one in found:
        descendants.send(one, signal.SIGKILL)
        os.waitpid(one.pid, 0)


def test_one_look_that_finds_nothing_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is listed, starts another and ends before he is read hides both."""
    leader = 4_000_000
    child = descendants.Member(leader + 1, "x", "S", 1, leader, leader, descendants.now())
    looks = iter([{}, {child.pid: child}, {}, {}])
    monkeypatch.setattr(descendants, "look", lambda: next(looks))
    one = descendants.Family(leader, 0, None, (), beside=tuple)
    assert not one.none_runs()
    assert one.none_runs()
