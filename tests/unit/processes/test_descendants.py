"""What a program has started in turn: this process adopts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from certbot_external_auth.processes import descendants, table


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to others than init")
def test_orphans_come_to_us() -> None:
    assert descendants.adopt_orphans()
    since = table.current_ticks()
    script = "setsid sleep 600 </dev/null >/dev/null 2>&1 & exit 0"
    with subprocess.Popen(["sh", "-c", script], start_new_session=True) as parent:
        parent.wait(10)
    deadline = time.monotonic() + 20
    found: list[table.Process] = []
    while not found and time.monotonic() < deadline:
        found = [
            one for one in descendants.orphans(table.read_process_table(), since, [parent.pid]) if one.name == "sleep"
        ]
    assert [one.parent for one in found] == [os.getpid()]
    for one in found:
        one.send_signal(signal.SIGKILL)
        os.waitpid(one.pid, 0)


def test_one_empty_table_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is listed, starts another one and ends before it is read hides both."""
    leader = 4_000_000
    child = table.Process(leader + 1, "x", "S", 1, leader, leader, table.current_ticks())
    tables = iter([{}, {child.pid: child}, {}, {}])
    monkeypatch.setattr(descendants, "read_process_table", lambda: next(tables))
    one = descendants.ProgramTree(leader, 0, None, (), beside=tuple)
    assert not one.none_runs()
    assert one.none_runs()
