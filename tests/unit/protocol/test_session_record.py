"""The folder of a session, as its Certbot reads it and writes into it."""

from __future__ import annotations

import json
import os
import resource
import stat
from pathlib import Path

import pytest

from certbot_external_auth.errors import UsageError
from certbot_external_auth.protocol.session_record import Record, session_record


def folder(at: Path, mode: int = 0o700, **document: object) -> str:
    at.chmod(mode)
    (at / "session.json").write_text(json.dumps({"socket": "/run/x", **document}))
    (at / "session.json").chmod(0o600)
    return str(at)


@pytest.mark.parametrize(("deadline", "expected"), [({}, None), ({"deadline": None}, None), ({"deadline": 5}, 5.0)])
def test_where_to_listen_what_to_record_and_how_long_to_wait(
    tmp_path: Path, deadline: dict[str, object], expected: float | None
) -> None:
    found = session_record(folder(tmp_path, **deadline))
    assert found == ("/run/x", str(tmp_path / "lines"), expected)


@pytest.mark.parametrize("mode", [0o710, 0o701, 0o740, 0o704])
def test_a_folder_that_others_can_enter_is_no_session(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="Other users can access"):
        session_record(folder(tmp_path, mode))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"socket": "x", "deadline": "soon"}', "[" * 100_000])
def test_a_record_that_cannot_be_read_is_said(tmp_path: Path, content: str) -> None:
    path = folder(tmp_path)
    Path(path, "session.json").write_text(content)
    with pytest.raises(UsageError, match="cannot be read"):
        session_record(path)
    with pytest.raises(UsageError, match="cannot be read"):
        session_record(f"{path}/none")


def test_lines_are_added_to_what_is_there_and_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n")
    path.unlink()
    for line in (b"one\n", b"two\n"):
        Record(str(path)).add(line)
    assert path.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "lines").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Record(str(tmp_path / "lines"))


def test_a_disk_that_is_full_ends_the_record_and_not_the_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lines"
    record = Record(str(path))
    record.add(b"one\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, before[1]))
    try:
        # Python ignores SIGXFSZ, so the system says EFBIG.
        record.add(b"two\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"one\ntw"
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    record.add(b"three\n")
    assert os.path.getsize(path) == 6
    assert len(caplog.records) == 1


def test_a_link_in_place_of_the_folder_is_no_session(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="cannot be read"):
        session_record(str(tmp_path / "link"))
