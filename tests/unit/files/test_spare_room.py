"""Room on a full disk for the last notes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.files import spare_room


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    spare_room.reserve(descriptor)
    yield descriptor
    os.close(descriptor)


def test_the_room_is_really_taken(folder: int, tmp_path: Path) -> None:
    """Guards against: room that only the file's length knows of."""
    assert (tmp_path / spare_room.NAME).stat().st_blocks * 512 >= spare_room.SIZE_BYTES


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_gets_the_room_once(folder: int, tmp_path: Path, number: int) -> None:
    assert spare_room.make_room(folder, OSError(number, ""))
    assert list(tmp_path.iterdir()) == []
    assert not spare_room.make_room(folder, OSError(number, ""))


def test_another_error_does_not_need_the_room(folder: int, tmp_path: Path) -> None:
    assert not spare_room.make_room(folder, OSError(errno.EIO, ""))
    assert (tmp_path / spare_room.NAME).exists()
