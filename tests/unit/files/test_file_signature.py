"""A file that has changed is noticed without reading it."""

from __future__ import annotations

import os
from pathlib import Path

from certbot_external_auth.files.file_signature import signature


def test_a_file_that_is_written_or_replaced_has_another_signature(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_text("a")
    first = signature(str(file))
    assert first is not None
    assert signature(str(file)) == first
    file.write_text("ab")
    second = signature(str(file))
    assert second != first
    other.write_text("ab")
    times = file.stat().st_mtime_ns
    os.utime(other, ns=(times, times))
    other.replace(file)
    assert signature(str(file)) != second


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert signature(str(tmp_path / "missing")) is None
    assert signature("nul\0") is None
