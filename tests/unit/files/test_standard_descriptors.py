"""Started with descriptors 0 to 2 closed, as some daemons start their children."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import session_records

VERB = [sys.executable, "-m", "certbot_external_auth"]
PATIENCE = 60


def without(closed: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    """:param closed: redirections of a shell, such as `<&- >&-`."""
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd="/")


@pytest.fixture
def place() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.mark.parametrize("closed", [">&-", "<&- >&-"])
@pytest.mark.parametrize("verb", [["schema"], ["status"], ["recover"], ["recover", "--json"]])
def test_a_document_that_cannot_be_printed_is_a_failure(place: str, verb: list[str], closed: str) -> None:
    more = [] if verb == ["schema"] else ["--work-dir", place]
    ended = without(closed, [*VERB, *verb, *more])
    assert ended.returncode == 1, ended
    assert "could not be printed" in ended.stderr


def test_nobody_can_be_told_why(place: str) -> None:
    assert without("<&- >&- 2>&-", [*VERB, "recover", "--work-dir", place]).returncode == 1


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("verb", [["schema"], ["status"], ["recover"]])
def test_the_others_may_be_closed(place: str, verb: list[str], closed: str) -> None:
    more = [] if verb == ["schema"] else ["--work-dir", place]
    ended = without(closed, [*VERB, *verb, *more])
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    assert ended.stdout


@pytest.mark.parametrize("verb", ["finish", "abort", "status"])
def test_the_result_of_a_session_that_cannot_be_printed(place: str, verb: str) -> None:
    """Guards against: exit code 0 without the list of what to remove."""
    opened = session_records.dead(place, f"{place}/c")
    ended = without(">&-", [*VERB, verb, opened.id, "--work-dir", place])
    assert ended.returncode == 1, ended
    assert opened.id in ended.stderr


JSON = """
import os, sys, time
# Certbot's own log: it gets the lowest number that is free.
log = open(sys.argv[1], "w")
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.errors import DriverError
channel = Channel.standard()
try:
    channel.send(b"line", time.monotonic() + 5)
    said = "sent"
except DriverError:
    said = "nobody reads"
print("stray", flush=True)
log.write(f"{said}, {channel.receive(time.monotonic() + 1)}")
log.close()
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_mode_json(tmp_path: Path, closed: str) -> None:
    """Guards against: EBADF in Certbot, and a file of the plugin that gets the descriptor of its log."""
    ended = without(closed, [sys.executable, "-c", JSON, str(tmp_path / "log")])
    assert (ended.returncode, ended.stderr.replace("stray\n", "")) == (0, ""), ended
    said = "nobody reads" if ">&- " in f"{closed} ".replace("2>&-", "") else "sent"
    assert (tmp_path / "log").read_text() == f"{said}, None"
    assert ended.stdout == ("line" if said == "sent" else "")
    assert os.path.getsize(tmp_path / "log") > 0
