"""What a handler printed lies beside the journal: whole or its end, for this user alone, no longer than its batch."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from certbot_external_auth.journal import outputs

BATCH, OTHER = "0" * 32, "1" * 32


def file(work: Path, name: str) -> Path:
    return work / "external-auth" / "outputs" / name


def test_what_arrives_in_pieces_is_read_as_one(tmp_path: Path) -> None:
    work = str(tmp_path)
    assert outputs.read(work, BATCH, "c1") == (b"", False)
    outputs.append(work, BATCH, "c1", b"one ")
    outputs.append(work, BATCH, "c1", b"two")
    assert outputs.read(work, BATCH, "c1") == (b"one two", False)
    outputs.end(work, BATCH, "c1")
    assert outputs.read(work, BATCH, "c1") == (b"one two", True)
    assert outputs.read(work, BATCH, "c2") == outputs.read(work, OTHER, "c1") == (b"", False)
    assert outputs.path(work, BATCH, "c1") == str(file(tmp_path, f"{BATCH}.c1"))
    modes = {stat.S_IMODE(one.stat().st_mode) for one in file(tmp_path, "x").parent.iterdir()}
    assert modes == {0o600}


def test_a_call_may_end_well_without_a_word(tmp_path: Path) -> None:
    outputs.end(str(tmp_path), BATCH, "c1")
    assert outputs.read(str(tmp_path), BATCH, "c1") == (b"", True)


def test_of_a_long_output_the_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MIN_KEPT_BYTES", 4)
    monkeypatch.setattr(outputs, "MAX_FILE_BYTES", 8)
    for piece, kept in ((b"abcd", b"abcd"), (b"efgh", b"abcdefgh"), (b"i", b"fghi"), (b"0123456789", b"6789")):
        outputs.append(str(tmp_path), BATCH, "c1", piece)
        assert outputs.read(str(tmp_path), BATCH, "c1")[0] == kept


@pytest.mark.parametrize("challenge", ["", "../x", "a.b", "a" * 65, "c1\n"])
def test_only_an_id_names_a_file(tmp_path: Path, challenge: str) -> None:
    outputs.append(str(tmp_path), BATCH, challenge, b"x")
    outputs.end(str(tmp_path), BATCH, challenge)
    assert outputs.read(str(tmp_path), BATCH, challenge) == (b"", False)
    assert list(tmp_path.iterdir()) == []


def test_a_program_writes_to_the_file_itself(tmp_path: Path) -> None:
    work = str(tmp_path)
    descriptor = outputs.descriptor(work, BATCH, "c1")
    os.write(descriptor, b"state")
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
    assert outputs.read(work, BATCH, "c1") == (b"state", False)
    with pytest.raises(OSError, match="Invalid argument"):
        outputs.descriptor(work, BATCH, "../x")


def test_files_go_with_their_batch(tmp_path: Path) -> None:
    work = str(tmp_path)
    for batch in (BATCH, OTHER):
        outputs.append(work, batch, "c1", b"x")
        outputs.end(work, batch, "c1")
    file(tmp_path, "notes.txt").touch()
    outputs.forget(work, BATCH)
    assert outputs.read(work, BATCH, "c1") == (b"", False)
    assert outputs.read(work, OTHER, "c1") == (b"x", True)
    journal = tmp_path / "external-auth" / "journal"
    journal.mkdir(mode=0o700)
    (journal / f"{OTHER}.json").touch()
    outputs.tidy(work, "journal")
    assert outputs.read(work, OTHER, "c1") == (b"x", True)
    (journal / f"{OTHER}.json").unlink()
    outputs.tidy(work, "journal")
    assert os.listdir(file(tmp_path, "x").parent) == ["notes.txt"]


def test_a_journal_that_cannot_be_listed_removes_nothing(tmp_path: Path) -> None:
    work = str(tmp_path)
    outputs.append(work, BATCH, "c1", b"x")
    (tmp_path / "external-auth" / "journal").write_text("no folder")
    outputs.tidy(work, "journal")
    assert outputs.read(work, BATCH, "c1") == (b"x", False)
    outputs.forget(str(tmp_path / "none"), BATCH)
