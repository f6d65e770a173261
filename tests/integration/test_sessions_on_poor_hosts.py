"""Two steps on a host that has little left: no room on the disk, no descriptors, nobody there at the end."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.sessions import store
from tests.support import documents
from tests.support.certbot import PATIENCE, Certbot
from tests.support.recover import journal
from tests.support.testca import TestCA
from tests.support.two_steps import Ended, Tool
from tests.support.words import names


def closed(tool: Tool, how: str, verb: str, *words: str) -> Ended:
    """A verb that is started with descriptors closed. :param how: redirections of a shell."""
    command = ["sh", "-c", f'exec "$@" {how}', "sh", *tool.command(verb, *words)]
    place = {"env": tool.environment, "cwd": tool.certbot.cwd}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **place)  # type: ignore[call-overload]
    document = documents.checked(ended.stdout, verb, ended.returncode) if ended.stdout else {}
    return Ended(ended.returncode, document, ended.stderr)


@pytest.mark.parametrize("how", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_session_that_is_begun_with_descriptors_closed(tool: Tool, domain: str, how: str) -> None:
    """Guards against: a session that is reported as dead, while its Certbot runs and holds its lock."""
    begun = closed(tool, how, "begin", "--", *tool.begins("certonly", *names(domain)))
    assert (begun.code, begun["state"]) == (0, "waiting"), begun
    assert tool.run("status", begun["session"])["state"] == "waiting"
    tool.publish(begun)
    done = closed(tool, how, "finish", begun["session"])
    assert (done.code, done["state"]) == (0, "done"), done
    tool.remove(done)


def test_a_batch_that_nobody_was_told(tool: Tool, domain: str) -> None:
    """Begun without a stdout. Lost: which session waits, and that nobody knows of it."""
    begun = closed(tool, ">&-", "begin", "--", *tool.begins("certonly", *names(domain)))
    assert begun.code == 1, begun
    [listed] = tool.run("status")["sessions"]
    assert listed["session"] in begun.stderr
    assert listed["state"] == "waiting"
    assert tool.run("abort", listed["session"]).code == 0


def test_mode_json_without_stdin_and_stdout(certbot: Certbot, domain: str) -> None:
    """Guards against: EBADF in place of a message."""
    words = ["certonly", "-a", "external-auth", "--external-auth-mode", "json", "-n", *names(domain)]
    command = ["sh", "-c", 'exec "$@" <&- >&-', "sh", *certbot.command(words)]
    ended = subprocess.run(command, env=certbot.environment, cwd=certbot.cwd, capture_output=True, text=True)
    assert ended.returncode == 1, ended
    assert "reads no lines" in ended.stderr
    assert "Errno" not in ended.stderr


@pytest.mark.parametrize("ending", ["abort", "finish"])
def test_what_was_handed_out_for_removal_is_confirmed(tool: Tool, certbot: Certbot, domain: str, ending: str) -> None:
    """Guards against: later runs that report what is gone, and a file that a person must delete."""
    more = ("--deadline", "1") if ending == "finish" else ()
    begun = tool.begin("certonly", *names(domain), more=more)
    if ending == "finish":
        assert store.wait_for_end(store.find(str(certbot.work_dir), begun["session"]), PATIENCE)
        assert journal(certbot)
        # Who only looks has been handed nothing.
        assert tool.run("status", begun["session"])["remove"]["txt"] == begun["txt"]
        assert journal(certbot)
    ended = tool.run(ending, begun["session"])
    assert ended["state"] == {"abort": "aborted", "finish": "expired"}[ending]
    assert ended["remove"]["txt"] == begun["txt"]
    assert not journal(certbot)
    again = tool.begin("certonly", *names(domain))
    assert again["leftover"]["txt"] == {}
    assert tool.run("abort", again["session"]).code == 0


@pytest.fixture
def small(certbot: Certbot) -> Iterator[Path]:
    """Certbot's work directory is a small file system of its own."""
    certbot.work_dir.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0755", "tmpfs", str(certbot.work_dir)]
    if os.geteuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("it needs the right to mount")
    yield certbot.work_dir
    subprocess.run(["umount", "-l", str(certbot.work_dir)], check=True)


def fill(folder: Path, spare: int) -> None:
    """Leave no more than so many bytes."""
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    os.truncate(folder / "filler", (folder / "filler").stat().st_size - spare)


@pytest.mark.parametrize("spare", [0, 4096, 20480])
def test_where_there_is_no_room_for_a_session(tool: Tool, small: Path, domain: str, spare: int) -> None:
    """Guards against: a failure without a reason, and a session that answers `more` for ever."""
    fill(small, spare)
    begun = tool.begin("certonly", *names(domain))
    assert begun.code == 2, begun
    assert "No space left on device" in begun.stderr
    (small / "filler").unlink()
    assert tool.run("status")["sessions"] == []


def test_the_disk_is_full_while_a_session_waits(tool: Tool, small: Path, ca: TestCA, domain: str) -> None:
    """Guards against: a session that no verb can end, because none can write a note."""
    begun = tool.begin("certonly", *names(domain))
    assert begun["state"] == "waiting", begun
    fill(small, 0)
    assert tool.run("status", begun["session"])["state"] == "waiting"
    tool.publish(begun)
    done = tool.run("finish", begun["session"])
    assert done["state"] == "done", (done, (small / "external-auth").exists())
    tool.remove(done)
