"""Validation certificates on disk: for nobody else to read, and gone when they should be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from certbot_external_auth import tls_files


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return tls_files.folder(str(tmp_path / "work"))


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_for_nobody_else_whatever_the_umask(folder: str, umask: int) -> None:
    os.makedirs(Path(folder).parent.parent)
    before = os.umask(umask)
    try:
        tls_files.write(folder, "a.test", b"certificate", b"key")
    finally:
        os.umask(before)
    certificate, key = tls_files.paths(folder, "a.test")
    assert (Path(certificate).read_bytes(), Path(key).read_bytes()) == (b"certificate", b"key")
    assert [mode(certificate), mode(key), mode(folder)] == [0o600, 0o600, 0o700]


def test_replaces_what_an_earlier_run_left(folder: str) -> None:
    for content in (b"1", b"2"):
        tls_files.write(folder, "a.test", content, content)
    assert Path(tls_files.paths(folder, "a.test")[0]).read_bytes() == b"2"
    assert sorted(os.listdir(folder)) == ["a.test.crt.pem", "a.test.key.pem"]


def test_a_link_in_place_of_the_folder_is_not_followed(folder: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    os.makedirs(Path(folder).parent)
    os.symlink(elsewhere, folder)
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        tls_files.write(folder, "a.test", b"", b"")
    assert (mode(elsewhere), list(elsewhere.iterdir())) == (0o755, [])


def test_a_link_in_place_of_a_file_is_replaced(folder: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    tls_files.write(folder, "b.test", b"", b"")
    os.symlink(precious, tls_files.paths(folder, "a.test")[0])
    tls_files.write(folder, "a.test", b"new", b"new")
    assert precious.read_text() == "kept"


def test_remove_leaves_others_and_does_not_mind_what_is_gone(folder: str) -> None:
    tls_files.remove(folder, "a.test")
    for name in ("a.test", "b.test"):
        tls_files.write(folder, name, b"", b"")
    tls_files.remove(folder, "a.test")
    tls_files.remove(folder, "a.test")
    assert sorted(os.listdir(folder)) == ["b.test.crt.pem", "b.test.key.pem"]


def test_nothing_half_written_stays(folder: str) -> None:
    tls_files.write(folder, "b.test", b"", b"")
    with pytest.raises(OSError, match="too long"):
        tls_files.write(folder, "a" * 250, b"", b"")
    assert sorted(os.listdir(folder)) == ["b.test.crt.pem", "b.test.key.pem"]
