"""The files of the figures, on a real file system."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.files import own_folder
from certbot_external_auth.metrics import files, writer
from certbot_external_auth.metrics.state import OK, Change, Entry
from tests.support import lineages
from tests.support.figures import parsed

WRITER = """
import sys
from certbot_external_auth.metrics.state import Change
from certbot_external_auth.metrics.writer import write
for number in range(int(sys.argv[3])):
    write(sys.argv[1], sys.argv[2], [Change(f"{sys.argv[4]}{number}.test", "/le", {"attempt": 9e9, "code": "ok"})])
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_every_user_may_read_the_figures_and_only_this_one_the_state(tmp_path: Path) -> None:
    work, file = tmp_path / "work", tmp_path / "certbot.prom"
    before = os.umask(0o077)
    try:
        writer.write(str(work), str(file), [Change("a.test", str(tmp_path), {"attempt": 9e9, "code": OK})])
    finally:
        os.umask(before)
    assert mode(file) == 0o644
    assert mode(Path(own_folder.path(str(work), files.FILE))) == 0o600
    assert mode(Path(own_folder.path(str(work), files.LOCK))) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("work", "certbot.prom")] == []


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    file = tmp_path / "certbot.prom"
    file.write_text("before")
    with file.open() as reader:
        files.publish(str(file), b"after")
        assert (reader.read(), file.read_text()) == ("before", "after")


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "certbot.prom").symlink_to(tmp_path / "target")
    files.publish(str(tmp_path / "certbot.prom"), b"figures")
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "certbot.prom").is_symlink()


def test_what_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "certbot.prom").mkdir()
    (tmp_path / "certbot.prom" / "x").touch()
    with pytest.raises(OSError):  # noqa: PT011 - it depends on the system which one
        files.publish(str(tmp_path / "certbot.prom"), b"figures")
    assert [path.name for path in tmp_path.iterdir()] == ["certbot.prom"]


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    work, file = str(tmp_path / "work"), tmp_path / "certbot.prom"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, work, str(file), "10", word]) for word in ("a", "b", "c")
    ]
    assert [one.wait(60) for one in writers] == [0, 0, 0]
    found = parsed(file.read_bytes())["certbot_external_auth_last_attempt_success"]
    assert len(found) == 30


def test_a_writer_that_hangs_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.1)
    with files.locked(str(tmp_path)):
        lock = os.open(own_folder.path(str(tmp_path), files.LOCK), os.O_RDWR)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(lock)
        with pytest.raises(TimeoutError), files.locked(str(tmp_path)):
            pass


@pytest.mark.parametrize("damage", [b"", b"{", b"[" * 5000, b'{"version": 1, "lineages": {"a.test": 1}}'])
def test_a_damaged_state_begins_again(tmp_path: Path, damage: bytes) -> None:
    with files.locked(str(tmp_path)):
        pass
    Path(own_folder.path(str(tmp_path), files.FILE)).write_bytes(damage)
    with files.locked(str(tmp_path)) as folder:
        assert files.read(folder) == {}
        files.note(folder, {"b.test": Entry("/le")})
        assert files.read(folder) == {"b.test": Entry("/le")}


def test_certificates_and_deployments_are_read_at_each_writing(tmp_path: Path) -> None:
    config, work, file = tmp_path / "config", tmp_path / "work", tmp_path / "certbot.prom"
    lineages.one(config, "a.test", "https://ca.test/dir", (), ("a.test",))
    writer.write(
        str(work), str(file), [Change("a.test", str(config)), Change("gone.test", str(config), {"attempt": 1.0})]
    )
    found = parsed(file.read_bytes())
    (expiry,) = found["certbot_external_auth_certificate_expiry_timestamp_seconds"].values()
    assert expiry > 1_700_000_000
    # Never issued, and long ago.
    assert found["certbot_external_auth_last_attempt_timestamp_seconds"] == {}
    assert found["certbot_external_auth_leftovers"] == {(): 0.0}
    with files.locked(str(work)) as folder:
        assert set(files.read(folder)) == {"a.test"}


@pytest.mark.parametrize("content", [b"", b"no certificate", None], ids=["empty", "damaged", "a pipe"])
def test_a_certificate_that_cannot_be_read_is_not_forgotten(tmp_path: Path, content: bytes | None) -> None:
    """Guards against: figures that vanish together with the certificate that they warn of."""
    config, work, file = tmp_path / "config", tmp_path / "work", tmp_path / "certbot.prom"
    path = config / "live" / "a.test" / "cert.pem"
    path.parent.mkdir(parents=True)
    os.mkfifo(path) if content is None else path.write_bytes(content)
    for _ in range(2):
        writer.write(str(work), str(file), [Change("a.test", str(config), {"attempt": 1.0, "code": "ca.refused"})])
        found = parsed(file.read_bytes())
        assert found["certbot_external_auth_last_attempt_success"] == {("a.test", "ca.refused"): 0.0}
