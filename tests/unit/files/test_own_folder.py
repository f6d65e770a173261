"""The plugin's own folders: only their user can read and write them, whatever was there before."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from certbot_external_auth.files import own_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_new_folders_are_this_users_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with own_folder.opened(str(tmp_path), "keys", create=True):
            pass
    finally:
        os.umask(before)
    assert [mode(tmp_path / "external-auth"), mode(tmp_path / "external-auth" / "keys")] == [0o700, 0o700]


@pytest.mark.parametrize("open_to_others", [0o755, 0o777, 0o2700])
@pytest.mark.parametrize("create", [True, False])
def test_an_existing_folder_becomes_this_users_alone(tmp_path: Path, open_to_others: int, create: bool) -> None:
    """Guards against: private keys that other users can read, in a folder that a backup restored with another mode."""
    folders = [tmp_path / "external-auth", tmp_path / "external-auth" / "keys"]
    for folder in folders:
        folder.mkdir()
        folder.chmod(open_to_others)
    with own_folder.opened(str(tmp_path), "keys", create=create):
        assert [mode(folder) for folder in folders] == [0o700, 0o700]


def test_a_missing_folder_is_not_created_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), own_folder.opened(str(tmp_path), "keys", create=False):
        pass
    with pytest.raises(FileNotFoundError), own_folder.looked_into(str(tmp_path), "keys"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_folder_that_others_can_write_is_not_read(tmp_path: Path) -> None:
    with own_folder.opened(str(tmp_path), create=True):
        pass
    (tmp_path / "external-auth").chmod(0o770)
    with pytest.raises(PermissionError, match="chmod 700"), own_folder.looked_into(str(tmp_path)):
        pass
    assert mode(tmp_path / "external-auth") == 0o770


def test_the_end_of_a_file_is_read(tmp_path: Path) -> None:
    with own_folder.opened(str(tmp_path), create=True) as folder:
        os.close(own_folder.put(folder, "log", b"0123456789"))
        assert own_folder.read(folder, "log", 3, end=True) == b"789"
        assert own_folder.read(folder, "log", 3) == b"012"
        assert own_folder.read(folder, "log", 99, end=True) == b"0123456789"
