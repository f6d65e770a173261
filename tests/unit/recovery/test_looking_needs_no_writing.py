"""What `recover` says of a journal that it cannot look at: only what is not there counts as not there."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth import cli, journal
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.recovery.verb import NOTHING_LEFT
from tests.unit.recovery.test_withdrawal import calls, hook, left

WAYS = ([], ["--list"], ["--dry-run"], ["--list", "--json"])
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def read_only(work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`recover` where the work directory is on a file system that cannot be written."""
    command = [sys.executable, "-m", "certbot_external_auth", "recover", "--work-dir", str(work), *words]
    whole = ["unshare", "-m", "sh", "-c", READ_ONLY, str(work), *command]
    return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)


def needs_mounts() -> None:
    if os.geteuid() or shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"]).returncode:
        pytest.skip("only root may mount, and not everywhere")


@pytest.mark.parametrize("words", WAYS)
def test_read_only_is_not_empty(tmp_path: Path, words: list[str]) -> None:
    """Guards against: a record that is left, while `recover` says that nothing is left behind."""
    needs_mounts()
    work = tmp_path / "work"
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    ended = read_only(work, *words)
    assert NOTHING_LEFT not in ended.stdout
    assert entry.challenges[0].validation in ended.stdout
    assert ended.stderr == ""
    if "--json" in words:
        assert [found["batch"] for found in json.loads(ended.stdout)["left"]] == [entry.id]
    # It can be looked at and called; what cannot be changed is that it stands in the journal.
    assert (ended.returncode, len(calls(tmp_path))) == ((0, 0) if words else (1, 1)), ended
    if not words:
        assert "Read-only file system" in ended.stdout
    assert [found.id for found in journal.read_all(str(work)).left] == [entry.id]


@pytest.mark.parametrize("words", WAYS)
def test_what_cannot_be_set_aside_is_said(tmp_path: Path, words: list[str]) -> None:
    needs_mounts()
    folder = Path(journal.folder(str(tmp_path / "work")))
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    for path in folder.iterdir():
        path.write_text("{")
    ended = read_only(tmp_path / "work", *words)
    assert (ended.returncode, NOTHING_LEFT in ended.stdout) == (1, False)
    assert path.name in ended.stdout


ERRORS = [errno.EACCES, errno.EROFS, errno.EMFILE, errno.EIO, errno.ENOLCK]


@pytest.mark.parametrize("words", WAYS)
@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("call", ["open", "flock"])
def test_a_file_that_cannot_be_looked_at_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    number: int,
    call: str,
) -> None:
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    opened = os.open

    def open_it(path: Any, *more: Any, **others: Any) -> int:
        if str(path).endswith(".json"):
            raise OSError(number, os.strerror(number))
        return opened(path, *more, **others)

    def lock(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if call == "open":
            patch.setattr(os, "open", open_it)
        else:
            patch.setattr(fcntl, "flock", lock)
        assert cli.main(["recover", "--work-dir", str(tmp_path / "work"), *words]) == 1
    shown = capsys.readouterr().out
    assert NOTHING_LEFT not in shown
    assert entry.id in shown
    assert calls(tmp_path) == []
    # A file that could not be read was not renamed.
    assert [found.id for found in journal.read_all(str(tmp_path / "work")).left] == [entry.id]


@pytest.mark.parametrize("number", ERRORS)
def test_what_is_perhaps_in_use_is_not_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """It is a file of another plugin, or a damaged one. The process that holds it would remove it by its name."""
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    work = str(tmp_path / "work")
    other = Path(journal.folder(work)) / "another"
    other.touch(mode=0o600)
    opened = os.open

    def open_it(path: Any, *more: Any, **others: Any) -> int:
        if path == "another":
            raise OSError(number, os.strerror(number))
        return opened(path, *more, **others)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_it)
        assert "another" in journal.read_all(work).aside
    assert other.exists()


@pytest.mark.parametrize("number", ERRORS)
def test_a_folder_that_cannot_be_looked_at_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),))

    def fail(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "listdir", fail)
    for words in WAYS:
        assert cli.main(["recover", "--work-dir", str(tmp_path / "work"), *words]) == 2
    shown = capsys.readouterr()
    assert (shown.out, os.strerror(number) in shown.err) == ("", True)


def test_what_is_not_there_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recover", "--work-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{NOTHING_LEFT}\n"


@pytest.mark.parametrize("words", [*WAYS, ["--confirm", "0" * 32]])
def test_a_directory_that_does_not_exist_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Guards against: a typo, or a file system that is not mounted, taken for an empty journal."""
    assert cli.main(["recover", "--work-dir", str(tmp_path / "none"), *words]) == 2
    shown = capsys.readouterr()
    assert (shown.out, str(tmp_path / "none") in shown.err) == ("", True)


@pytest.mark.parametrize(
    "words",
    [
        ["rehearse", "--config-dir"],
        ["rehearse", "--work-dir"],
        ["doctor", "--config-dir"],
        ["status", "--work-dir"],
    ],
    ids=" ".join,
)
def test_other_commands_that_only_look_say_so_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert cli.main([*words, str(tmp_path / "none")]) == 2
    shown = capsys.readouterr()
    assert (shown.out, str(tmp_path / "none") in shown.err) == ("", True)


def test_the_default_directory_need_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(certbot_folders, "found", lambda given: ("/etc/le", str(tmp_path / "none")))
    assert cli.main(["recover"]) == 0
    assert capsys.readouterr().out == f"{NOTHING_LEFT}\n"


@pytest.mark.parametrize("words", WAYS)
def test_a_mode_that_cannot_be_set_stops_nobody_who_looks(tmp_path: Path, words: list[str]) -> None:
    """Guards against: an error instead of a list, where the folder's mode is 0755 on a read-only file system."""
    needs_mounts()
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    Path(journal.folder(str(tmp_path / "work"))).chmod(0o755)
    ended = read_only(tmp_path / "work", *words)
    assert (ended.returncode, entry.challenges[0].validation in ended.stdout) == (0 if words else 1, True), ended
