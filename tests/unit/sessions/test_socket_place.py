"""Where a session's socket lies: nowhere that a logout takes away, if it can be helped."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import own_folder
from certbot_external_auth.sessions import socket_place, store
from tests.support import session_records

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives away, and has /run")
OURS = f"certbot-external-auth-{os.geteuid()}"
LONG = "long" * 30


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short path; /run is not there, as for who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(socket_place, "RUN", f"{folder}/none")
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@ROOT
def test_root_has_run(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (short / "run").mkdir()
    monkeypatch.setattr(socket_place, "RUN", str(short / "run"))
    assert socket_place.chosen(str(short), "a1") == str(short / "run" / OURS / "a1.sock")
    assert oct((short / "run" / OURS).stat().st_mode) == "0o40700"


def test_a_user_has_the_folder_of_the_session(short: Path) -> None:
    """Guards against: a session that ends when its user logs out, because logind removes the folder."""
    assert socket_place.chosen(str(short), "a1") == str(short / "socket")
    assert list(short.iterdir()) == []


def test_where_its_path_is_too_long_that_of_the_login(short: Path) -> None:
    assert socket_place.chosen(str(short / LONG), "a1") == str(short / OURS / "a1.sock")


def test_then_that_for_temporary_files(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    assert socket_place.chosen(str(short / LONG), "a1") == str(short / OURS / "a1.sock")


def test_nowhere(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: advice about a flag that this command line does not have."""
    (short / LONG).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short / LONG))
    monkeypatch.setattr(tempfile, "tempdir", str(short / LONG))
    with pytest.raises(UsageError, match=r"107 bytes\. Set XDG_RUNTIME_DIR to a short folder of yours") as raised:
        socket_place.chosen(str(short / LONG), "a1")
    assert "--external-auth-socket" not in str(raised.value)


def of_somebody_else(folder: Path) -> None:
    os.chown(folder, 65534, 65534)


def a_link(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: folder.chmod(0o770),
        lambda folder: folder.chmod(0o707),
        a_link,
        pytest.param(of_somebody_else, marks=ROOT),
    ],
)
def test_a_folder_of_others_is_not_used(short: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    """Guards against: another user who makes the folder first and reads challenges and answers."""
    folder, work_dir = short / OURS, str(tmp_path / LONG)
    folder.mkdir(mode=0o700)
    change(folder)
    sentence = f"{folder} is not for this user alone; remove it, or set XDG_RUNTIME_DIR to another folder."
    with pytest.raises(UsageError, match=sentence):
        session_records.dead(work_dir, "/c")
    assert store.every(work_dir) == []
    assert os.listdir(store.root(work_dir)) == []


@ROOT
def test_root_is_not_advised_what_would_change_nothing(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root has in /run comes first, whatever XDG_RUNTIME_DIR names."""
    monkeypatch.setattr(socket_place, "RUN", str(short))
    (short / OURS).mkdir(mode=0o755)
    with pytest.raises(UsageError, match=f"{short / OURS} is not for this user alone; remove it") as raised:
        socket_place.chosen(str(short), "a1")
    assert "XDG_RUNTIME_DIR" not in str(raised.value)


SESSIONS = ("0123456789ab", "ba9876543210")


@pytest.fixture
def used(short: Path) -> Iterator[Path]:
    """A folder with the sockets of a dead session and of one that lives, and with what is no session's."""
    paths = [socket_place.chosen(str(short / LONG), one) for one in SESSIONS]
    locks = [socket_place.lock(path) for path in paths]
    for path in paths:
        Path(path).touch()
    (short / OURS / "other.lock").touch()
    (short / OURS / "0123456789ab.txt").touch()
    assert None not in locks
    os.close(locks[0] or 0)
    yield short / OURS
    os.close(locks[1] or 0)


def test_what_the_dead_leave_is_swept(used: Path) -> None:
    """Guards against: removing the socket of a living session, which could then not be finished."""
    (used / f"{own_folder.PASSING}0").touch()
    socket_place.sweep()
    living = [f"{SESSIONS[1]}.lock", f"{SESSIONS[1]}.sock"]
    assert sorted(os.listdir(used)) == sorted([*living, "other.lock", "0123456789ab.txt"])


@pytest.mark.parametrize(
    "change", [lambda folder: folder.chmod(0o770), a_link, pytest.param(of_somebody_else, marks=ROOT)]
)
def test_nothing_is_swept_where_others_can_put_names(used: Path, change: Callable[[Path], object]) -> None:
    """Guards against: removing a file through a link of another user."""
    before = sorted(os.listdir(used))
    change(used)
    socket_place.sweep()
    assert sorted(os.listdir(used)) == before


def test_the_record_of_a_session_does_not_go_alone(short: Path, tmp_path: Path) -> None:
    """Guards against: a socket that stays because its record was removed first."""
    work_dir = str(tmp_path / LONG)
    opened = session_records.dead(work_dir, str(tmp_path / "c"))
    Path(opened.socket).touch()
    store.forget_old(work_dir, time.time() + store.KEPT_SECONDS + 60)
    assert store.every(work_dir) == []
    assert os.listdir(short / OURS) == []
