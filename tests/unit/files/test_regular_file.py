"""Files that another user may have put there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from certbot_external_auth.files import regular_file


def test_a_regular_file_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert regular_file.read(str(tmp_path / "link"), 5) == b"12345"
    with pytest.raises(OSError, match="4 bytes") as caught:
        regular_file.read(str(tmp_path / "file"), 4)
    assert caught.value.errno == errno.EFBIG


def test_nothing_else_is_read(tmp_path: Path) -> None:
    """Guards against: waiting for ever for the writer of a pipe, and reading a device that never ends."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"regular file|directory"):
            regular_file.read(str(path), 100)
