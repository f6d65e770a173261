"""Where the line is shown, and what it leaves there."""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import os
import pty
import re
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from typing import TextIO

import pytest

from certbot_external_auth.progress import NOWHERE, on_terminal, terminal

PATIENCE = 20.0


class Screen:
    """A terminal: what is written to it can be read."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.stream: TextIO = os.fdopen(slave, "w")
        self._seen = ""
        self._gone = False

    def wait_for(self, pattern: str) -> str:
        """Return all that was written, as soon as it matches."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self._seen):
            assert time.monotonic() < deadline, self._seen
            if select.select([self._master], [], [], 0.1)[0]:
                self._seen += os.read(self._master, 4096).decode()
        return self._seen

    def vanish(self) -> None:
        """End as a terminal does whose window is closed, or whose connection breaks."""
        os.close(self._master)
        self._gone = True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.stream.close()
        if not self._gone:
            os.close(self._master)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(terminal, "AFTER_OTHERS_SECONDS", 0.0)
    monkeypatch.setattr(terminal, "REFRESH_SECONDS", 0.01)
    made = Screen()
    yield made
    made.close()


def test_only_a_terminal_shows_it(screen: Screen) -> None:
    """Guards against control sequences in a mail of cron's, and in what a pipeline parses."""
    closed = io.StringIO()
    closed.close()
    for stream, wanted in ((None, True), (io.StringIO(), True), (closed, True), (screen.stream, False)):
        assert on_terminal(stream, wanted) is NOWHERE
    assert on_terminal(screen.stream, True) is not NOWHERE


@pytest.mark.parametrize(("mode", "silent"), [("json", False), ("manual", False), ("handler", True)])
def test_a_run_that_prints_json_or_nothing_has_none(mode: str, silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", type("Tty", (), {"isatty": lambda _: True})())
    assert terminal.of_run(mode, silent) is NOWHERE
    assert terminal.of_run("handler", False) is not NOWHERE


def test_it_goes_on_and_is_taken_back(screen: Screen) -> None:
    progress = on_terminal(screen.stream, True)
    progress.begin("Publishing", 2)
    progress.starts(["a.test"])
    screen.wait_for("0 of 2 done, now a.test")
    progress.ends(["a.test"])
    progress.starts(["b.test"])
    screen.wait_for("1 of 2 done, now b.test")
    progress.end()
    shown = screen.wait_for(r"\r\x1b\[2K$")
    assert "\n" not in shown
    # The cursor is never hidden: a run that is killed would leave it so.
    assert "\x1b[?25l" not in shown


def test_it_is_gone_before_a_line_of_the_log(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "AFTER_OTHERS_SECONDS", 60.0)
    root = logging.getLogger()
    handler = logging.StreamHandler(screen.stream)
    root.addHandler(handler)
    progress = on_terminal(screen.stream, True)
    try:
        progress.begin("Publishing", 1)
        screen.wait_for("0 of 1 done")
        root.warning("something else")
        assert re.search(r"\x1b\[2Ksomething else", screen.wait_for("something else"))
        progress.end()
        assert handler.filters == []
    finally:
        root.removeHandler(handler)


def test_a_terminal_that_cannot_take_lines_back_gets_plain_ones(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    progress = on_terminal(screen.stream, True)
    progress.begin("Withdrawing", 1)
    shown = screen.wait_for(r"Withdrawing: 0 of 1 done, 0 s\r\n")
    progress.end()
    assert "\x1b" not in shown


def test_a_long_name_stays_on_one_line(screen: Screen) -> None:
    progress = on_terminal(screen.stream, True)
    progress.begin("Publishing", 1)
    progress.starts(["x" * 300])
    shown = screen.wait_for("…")
    progress.end()
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown).split("\r"))) < 80


def test_a_terminal_that_vanishes_stops_nothing(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: the connection breaks, Certbot cleans up, and what was published stays."""
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    progress = on_terminal(screen.stream, True)
    progress.begin("Publishing", 1)
    screen.wait_for("0 of 1 done")
    screen.vanish()
    for thread in [each for each in threading.enumerate() if each.name == "progress"]:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    progress.end()
    progress.begin("Withdrawing", 1)
    with progress.aside():
        logging.getLogger().debug("something else")
    progress.end()
    assert not raised


@pytest.mark.parametrize("columns", [0, 1, 2, 5])
def test_a_narrow_window_gets_no_second_line(screen: Screen, columns: int) -> None:
    fcntl.ioctl(screen.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    progress = on_terminal(screen.stream, True)
    progress.begin("Publishing", 1)
    screen.wait_for(r"\x1b\[2K.*\x1b\[2K")
    progress.end()
