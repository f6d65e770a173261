"""The journal on disk: whole or not at all, locked while its run goes on, and never in the way of anything."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth import journal
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.files import own_folder
from certbot_external_auth.journal import wait_for_others
from certbot_external_auth.journal.entry import Entry, Handler

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"


def challenge(number: int, identifier: str = "example.org") -> Challenge:
    token = f"{number:02}{TOKEN[2:]}"
    return Challenge(f"c{number}", "dns-01", identifier, "dns", token, f"{token}.{THUMBPRINT}")


def entry(*identifiers: str, **more: Any) -> Entry:
    challenges = tuple(challenge(number, name) for number, name in enumerate(identifiers or ("example.org",)))
    handler = Handler(words=("/usr/local/sbin/hook", "-x"), timeout=300.0)
    return Entry(
        journal.new_id(),
        "2026-01-02T03:04:05.000Z",
        "handler",
        "/etc/le",
        handler=handler,
        challenges=challenges,
        **more,
    )


def files(work: Path) -> list[str]:
    folder = Path(journal.folder(str(work)))
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def left_by_a_dead_run(work: Path, batch: Entry) -> Entry:
    journal.Held.new(str(work), batch).release()
    return batch


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_is_there_before_and_gone_after(tmp_path: Path, umask: int) -> None:
    """No other user can read the file, whatever the caller's mask."""
    batch = entry("a.test", "b.test")
    book = journal.Journal(str(tmp_path))
    before = os.umask(umask)
    try:
        book.open(batch)
    finally:
        os.umask(before)
    assert files(tmp_path) == [f"{batch.id}.json"]
    path = Path(journal.file_path(str(tmp_path), batch))
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert len(json.loads(path.read_text())["challenges"]) == 2
    book.begin(batch.challenges[:1])
    assert book.begun() == [batch.challenges[0]]
    book.close({})
    assert (files(tmp_path), book.begun()) == ([], [])


def test_all_of_the_batch_counts_as_begun_after_a_crash(tmp_path: Path) -> None:
    book = journal.Journal(str(tmp_path))
    batch = entry("a.test", "b.test")
    book.open(batch)
    book.begin(batch.challenges[:1])
    assert journal.read_all(str(tmp_path)).left == []
    book.abandon()
    assert journal.read_all(str(tmp_path)).left == [batch]


def test_what_was_not_withdrawn_stays_with_its_reason(tmp_path: Path) -> None:
    book = journal.Journal(str(tmp_path))
    batch = entry("a.test", "b.test")
    book.open(batch)
    book.close({"c1": "exit code 3"})
    (left,) = journal.read_all(str(tmp_path)).left
    assert left.challenges == batch.challenges[1:]
    assert (left.reason(left.challenges[0]), left.attempts) == ("exit code 3", 0)


def test_lock_is_that_of_the_process(tmp_path: Path) -> None:
    """A run that goes on is left alone, and its lock ends with it, also when nothing of it could run any more."""
    batch = entry()
    program = (
        "import sys; sys.path[0:0] = sys.argv[2:]\n"
        "from tests.unit.journal.test_journal import journal, Path\n"
        "from certbot_external_auth.journal.entry import decode\n"
        "held = journal.Held.new(sys.argv[1], decode(sys.stdin.buffer.read()))\n"
        "print('ready', flush=True); import time; time.sleep(600)\n"
    )
    from certbot_external_auth.journal.entry import encode

    root = str(Path(__file__).resolve().parents[3])
    words = [sys.executable, "-c", program, str(tmp_path), root]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode(batch))
        process.stdin.close()
        assert process.stdout.readline() == b"ready\n"
        contents = journal.read_all(str(tmp_path))
        claimed = journal.claim(str(tmp_path), batch)
        process.kill()
        process.wait(10)
    assert (contents.left, contents.running, claimed) == ([], [batch], None)
    assert journal.read_all(str(tmp_path)).left == [batch]
    held = journal.claim(str(tmp_path), batch)
    assert held is not None
    assert journal.read_all(str(tmp_path)).running == [batch]
    held.remove()
    assert files(tmp_path) == []


def test_who_only_looks_disturbs_nobody(tmp_path: Path) -> None:
    batch = left_by_a_dead_run(tmp_path, entry())
    with open(journal.file_path(str(tmp_path), batch), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert journal.read_all(str(tmp_path)).left == [batch]


def test_claim_of_what_is_gone_or_was_exchanged(tmp_path: Path) -> None:
    batch = left_by_a_dead_run(tmp_path, entry())
    held = journal.claim(str(tmp_path), batch)
    assert held is not None
    held.store(dataclasses.replace(batch, attempts=2))
    assert journal.claim(str(tmp_path), batch) is None
    held.release()
    again = journal.claim(str(tmp_path), batch)
    assert again is not None
    assert again.entry.attempts == 2
    again.remove()
    assert journal.claim(str(tmp_path), batch) is None


def test_waits_for_who_withdraws_the_same_names(tmp_path: Path) -> None:
    """Else a slow recovery would take away what a new run has just published at the same name."""
    old = left_by_a_dead_run(tmp_path, entry("a.test"))
    held = journal.claim(str(tmp_path), old)
    assert held is not None
    new = entry("A.test")
    journal.wait_for_others(str(tmp_path), entry("b.test"), limit=600)
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        held.release()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("certbot_external_auth.journal.journal.time.sleep", sleep)
        journal.wait_for_others(str(tmp_path), new, limit=600)
    assert len(waited) == 1


def test_does_not_begin_beside_who_withdraws_the_same_names(tmp_path: Path) -> None:
    """Else he would take away, or find in his way, what is published now."""
    batch = entry("a.test", "b.test")
    held = journal.Held.new(str(tmp_path), batch)
    with pytest.raises(OSError, match=r"^\[Errno 16\] another process is still removing .* left for a\.test, after 0 "):
        journal.wait_for_others(str(tmp_path), entry("a.test", "c.test"), limit=0)
    book = journal.Journal(str(tmp_path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("certbot_external_auth.journal.journal.wait_for_others", lambda *a: wait_for_others(*a, limit=0))
        with pytest.raises(OSError, match="is still removing"):
            book.open(entry("a.test"))
    assert files(tmp_path) == [f"{batch.id}.json"]
    held.release()


DAMAGE = {
    "empty": b"",
    "half": b'{"version": 1, "id": "',
    "no JSON": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "a text for a version": b'{"version": "2"}',
    "true for a version": b'{"version": true}',
    "long number": b'{"version": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_damaged_is_set_aside_once(tmp_path: Path, content: bytes) -> None:
    good = left_by_a_dead_run(tmp_path, entry())
    bad = journal.new_id()
    path = Path(journal.folder(str(tmp_path))) / f"{bad}.json"
    path.write_bytes(content)
    path.chmod(0o600)
    contents = journal.read_all(str(tmp_path))
    assert contents.left == [good]
    assert [bool(reason) for name, reason in contents.aside.items()] == [True]
    assert [name for name in files(tmp_path) if name.endswith(".damaged")] == [f"{bad}.json.damaged"]
    assert (Path(journal.folder(str(tmp_path))) / f"{bad}.json.damaged").read_bytes() == content
    assert set(journal.read_all(str(tmp_path)).aside.values()) == {""}


def test_a_newer_plugins_file_keeps_its_name(tmp_path: Path) -> None:
    """It keeps its name even if no process works on it: the newer plugin knows what to withdraw."""
    name = f"{journal.new_id()}.json"
    left_by_a_dead_run(tmp_path, entry())
    path = Path(journal.folder(str(tmp_path))) / name
    path.write_bytes(b'{"version": 2}')
    path.chmod(0o600)
    for _ in range(2):
        assert journal.read_all(str(tmp_path)).aside == {name: "it is not of version 1, the only one this plugin reads"}
    assert path.exists()


@pytest.mark.parametrize("name", [f"{'a' * 32}.json", f"{'b' * 32}.another"])
@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_what_somebody_works_on_is_never_renamed(tmp_path: Path, name: str, mode: int) -> None:
    """He would remove it by its name, and it would stay for ever."""
    left_by_a_dead_run(tmp_path, entry())
    path = Path(journal.folder(str(tmp_path))) / name
    path.write_bytes(b"{")
    path.chmod(mode)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "a process works on it" in journal.read_all(str(tmp_path)).aside[name]
    assert path.exists()
    assert list(journal.read_all(str(tmp_path)).aside) == [f"{name}.damaged"]


def test_foreign_things_are_set_aside(tmp_path: Path) -> None:
    """Named pipes, links, folders, files of others' rights: none is opened, followed or waited for."""
    folder = Path(journal.folder(str(tmp_path)))
    left_by_a_dead_run(tmp_path, entry())
    precious = tmp_path / "precious"
    precious.write_text("kept")
    names = [journal.new_id() for _ in range(4)]
    os.mkfifo(folder / f"{names[0]}.json")
    os.symlink(precious, folder / f"{names[1]}.json")
    (folder / f"{names[2]}.json").mkdir()
    shared = left_by_a_dead_run(tmp_path, entry())
    Path(journal.file_path(str(tmp_path), shared)).chmod(0o666)
    renamed = left_by_a_dead_run(tmp_path, entry())
    os.rename(journal.file_path(str(tmp_path), renamed), folder / f"{names[3]}.json")
    for name in ("README", "x" * 255):
        (folder / name).touch()
    contents = journal.read_all(str(tmp_path))
    assert len(contents.left) == 1
    assert len(contents.aside) == 7
    assert all(contents.aside.values())
    assert precious.read_text() == "kept"


def test_only_so_many_are_kept_aside(tmp_path: Path) -> None:
    left_by_a_dead_run(tmp_path, entry())
    folder = Path(journal.folder(str(tmp_path)))
    for number in range(30):
        (folder / f"junk{number}").touch()
        os.utime(folder / f"junk{number}", (number, number))
    journal.read_all(str(tmp_path))
    aside = [name for name in files(tmp_path) if name.endswith(".damaged")]
    assert aside == sorted(f"junk{number}.damaged" for number in range(20, 30))


def test_half_written_files_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    good = left_by_a_dead_run(tmp_path, entry())
    folder = Path(journal.folder(str(tmp_path)))
    dead, living = folder / f"{own_folder.PASSING}dead", folder / f"{own_folder.PASSING}living"
    for path in (dead, living):
        path.write_bytes(b"{")
        path.chmod(0o600)
    with living.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert journal.read_all(str(tmp_path)).left == [good]
    assert (dead.exists(), living.exists()) == (False, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that is somebody else's")
def test_folder_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    """What lies in it says which program to start."""
    left_by_a_dead_run(tmp_path, entry())
    os.chown(own_folder.path(str(tmp_path)), 12345, 12345)
    for use in (lambda: journal.read_all(str(tmp_path)), lambda: journal.Journal(str(tmp_path)).open(entry())):
        with pytest.raises(
            PermissionError, match=r"belongs to another user; run Certbot as user 12345, or name another"
        ):
            use()


def test_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    os.symlink(tmp_path / "elsewhere", own_folder.path(str(tmp_path)))
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        journal.Journal(str(tmp_path)).open(entry())
    assert list((tmp_path / "elsewhere").iterdir()) == []


# --- every system call fails once ---

CALLS = ("open", "mkdir", "fstat", "fchmod", "write", "fsync", "rename", "unlink", "listdir", "read", "umask", "stat")


class Failing:
    """Lets the n-th of all system calls of a kind that the journal makes fail; the real thing cannot be ordered."""

    def __init__(self, at: int, patch: pytest.MonkeyPatch) -> None:
        self._left = at
        self.failed = ""
        for name in CALLS:
            patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
        patch.setattr(fcntl, "flock", self._wrapped("flock", fcntl.flock))

    def _wrapped(self, name: str, real: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            # The mask has no way to fail.
            if name != "umask":
                self._left -= 1
                if self._left == 0:
                    self.failed = name
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*arguments, **more)

        return call


def life(work: Path, batch: Entry, published: list[str]) -> None:
    """What a run does with its journal."""
    book = journal.Journal(str(work))
    book.open(batch)
    book.begin(batch.challenges)
    published.append(batch.id)
    book.close({"c1": "exit code 3"})


def test_every_system_call_may_fail_once(tmp_path: Path) -> None:
    """Either nothing is published and no file stays, or the file that stays tells the truth."""
    seen = set()
    for at in range(1, 500):
        work = tmp_path / str(at)
        batch, published = entry("a.test", "b.test"), list[str]()
        error = None
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(at, patch)
            try:
                life(work, batch, published)
            except OSError as caught:
                error = caught
        seen.add(failing.failed)
        contents = journal.read_all(str(work))
        assert contents.running == []
        if not published:
            assert error is not None
            # A file that could not be removed either is withdrawn once too often, which does no harm.
            assert contents.left == [] or failing.failed == "unlink"
        else:
            assert [left.id for left in contents.left] == [batch.id]
            assert challenge(1, "b.test") in contents.left[0].challenges
        assert not [name for name in files(work) if name.startswith(own_folder.PASSING)]
        if not failing.failed:
            break
    assert not failing.failed
    assert seen >= {"open", "mkdir", "fstat", "write", "fsync", "rename", "flock"}


def test_a_batch_stays_locked_whatever_fails_as_it_is_written_again(tmp_path: Path) -> None:
    """Else a run would begin beside who still withdraws the same names, and lose what it has just published."""
    seen = set()
    for at in range(1, 500):
        work, one = tmp_path / str(at), entry()
        held = journal.Held.new(str(work), one)
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(at, patch)
            with contextlib.suppress(OSError):
                held.store(dataclasses.replace(one, attempts=1))
        seen.add(failing.failed)
        contents = journal.read_all(str(work))
        assert (contents.left, contents.running) == ([], [held.entry]), failing.failed
        held.release()
        assert journal.read_all(str(work)).left == [held.entry]
        if not failing.failed:
            break
    assert not failing.failed
    assert seen >= {"open", "fchmod", "write", "fsync", "rename", "flock"}


def test_looking_may_fail_at_every_system_call(tmp_path: Path) -> None:
    """What cannot be looked at now is there the next time, and not set aside."""
    seen = set()
    for at in range(1, 500):
        work = tmp_path / str(at)
        batch = left_by_a_dead_run(work, entry())
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(at, patch)
            with contextlib.suppress(OSError):
                journal.read_all(str(work))
        seen.add(failing.failed)
        assert journal.read_all(str(work)) == journal.Contents(left=[batch])
        if not failing.failed:
            break
    assert not failing.failed
    assert seen >= {"open", "fstat", "listdir", "flock", "read"}
