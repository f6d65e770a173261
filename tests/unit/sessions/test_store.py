"""The sessions on disk: which of them are found, and from when on one counts as running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.files import own_folder
from certbot_external_auth.sessions import store
from tests.support import session_records

STATUS = [sys.executable, "-m", "certbot_external_auth", "status"]


def test_a_session_counts_as_running_as_soon_as_it_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against: a `status` between the record and Certbot's start that notes an end and removes the socket."""
    put, shown = own_folder.put, []

    def put_and_look(folder: int, name: str, content: bytes, **options: Any) -> int:
        descriptor = put(folder, name, content, **options)
        if name == "session.json":
            ended = subprocess.run(
                [*STATUS, "--work-dir", str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
            )
            shown.extend(session["state"] for session in json.loads(ended.stdout)["sessions"])
        return descriptor

    monkeypatch.setattr(own_folder, "put", put_and_look)
    with session_records.alive(str(tmp_path), "/c") as session:
        assert shown == ["working"]
        assert not os.path.exists(os.path.join(session.folder, "end"))


def test_a_record_that_cannot_be_written_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a descriptor that stays open and inherited by what is started next."""

    def fail(*arguments: object, **options: object) -> int:
        raise OSError("no room")

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(json, "dumps", fail)
    with pytest.raises(OSError, match="no room"):
        session_records.locked(str(tmp_path), "/c")
    assert len(os.listdir("/proc/self/fd")) == before
    assert os.listdir(store.root(str(tmp_path))) == []


@pytest.mark.parametrize("shape", ["../{}", "../../elsewhere/{}", "{}/.", "{}/", "./{}", "/{}", "{}\n", " {}"])
def test_only_an_id_names_a_session(tmp_path: Path, shape: str) -> None:
    """Guards against: a word of the command line that leads out of the folder of sessions, to a record made up there.

    Where the path leads to a readable record, only the check of the id refuses it.
    """
    session = session_records.dead(str(tmp_path), "/c")
    assert store.find(str(tmp_path), session.id).id == session.id
    for folder in (tmp_path / "external-auth", tmp_path / "elsewhere"):
        folder.mkdir(exist_ok=True)
        (folder / session.id).mkdir(mode=0o700)
        record = folder / session.id / "session.json"
        record.write_bytes(Path(session.folder, "session.json").read_bytes())
        record.chmod(0o600)
    with pytest.raises(store.UnknownSessionError):
        store.find(str(tmp_path), shape.format(session.id))
