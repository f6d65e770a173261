"""Lines that are too long for a window."""

from __future__ import annotations

import io
import logging
import os
import pty
import struct
import termios
from fcntl import ioctl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.console import terminal_lines

WORD = st.text("abc-./:", min_size=1, max_size=30)


@given(st.lists(WORD, max_size=60), st.integers(30, 100))
def test_words_stay_whole(words: list[str], columns: int) -> None:
    lines = terminal_lines.fitted(" ".join(words), columns).split("\n")
    assert [word for line in lines for word in line.split()] == words
    assert all(len(line) <= columns for line in lines)


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("short", "short"),
        ("", ""),
        ("x" * 50, "x" * 50),
        ("one two three four five six seven", "one two three four five six\nseven"),
        ("  ns1  192.0.2.1:53  no such name  0.01 s", "  ns1  192.0.2.1:53  no such\n    name  0.01 s"),
        (
            "It is open; run: chmod o-w /a/very/long/path/to/a/file",
            "It is open; run:\nchmod o-w /a/very/long/path/to/a/file",
        ),
        ("certbot-external-auth recover --work-dir /var/lib/letsencrypt",) * 2,
        ("  rm /var/lib/letsencrypt/a /var/lib/letsencrypt/b",) * 2,
    ],
)
def test_where_lines_are_broken(line: str, broken: str) -> None:
    assert terminal_lines.fitted(line, 30) == broken
    assert terminal_lines.fitted(f"first\n{line}\n", 30) == f"first\n{broken}\n"


def test_indented_lines_can_be_left_alone() -> None:
    command = "  KEY='a b' /etc/hook deploy one two three four five"
    assert terminal_lines.fitted(command, 30, indented=False) == command


def test_what_is_not_a_terminal_gets_whole_lines() -> None:
    words = "one two three " * 20
    with open(os.devnull, "w") as nothing:
        assert [terminal_lines.for_stream(words, one) for one in (None, io.StringIO(), nothing)] == [words] * 3


@pytest.mark.parametrize(
    ("name", "fitted"), [("certbot_external_auth.run.publication", True), ("certbot._internal.log", True), ("x", False)]
)
def test_logs_are_fitted_where_they_reach_a_terminal(name: str, fitted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against the log file with broken lines, in which a sentence is no longer found."""
    words = "What was published cannot be seen everywhere. " * 4
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, 40, 0, 0))
    file = io.StringIO()
    with os.fdopen(follower, "w") as screen:
        handlers = [logging.StreamHandler(screen), logging.StreamHandler(file)]
        monkeypatch.setattr(logging.getLogger(), "handlers", handlers)
        terminal_lines.prepare_logs.__wrapped__()
        logging.getLogger(name).warning(words)
        shown = os.read(leader, 4096).decode().replace("\r", "")
    os.close(leader)
    assert file.getvalue() == f"{words}\n"
    assert (max(map(len, shown.splitlines())) <= 40) is fitted
