"""Who may change a file of routes, and what cannot be read as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certbot_external_auth.routes import file
from certbot_external_auth.routes.problem import Kind, RoutesError


def written(folder: Path, data: bytes = b"[*]\nhandler = /bin/true\n") -> Path:
    path = folder / "routes.ini"
    path.write_bytes(data)
    path.chmod(0o644)
    return path


def refused(path: Path) -> tuple[Kind, int]:
    with pytest.raises(RoutesError) as caught:
        file.read(str(path))
    (problem,) = caught.value.found
    return problem.kind, problem.line


def test_a_file_is_read(tmp_path: Path) -> None:
    sections, problems, _ = file.read(str(written(tmp_path)))
    assert ([one.name for one in sections], problems) == (["*"], [])


def test_a_file_that_everybody_can_change_is_refused(tmp_path: Path) -> None:
    """Guards against: any user of the machine who chooses what root runs."""
    path = written(tmp_path)
    path.chmod(0o646)
    assert refused(path) == (Kind.UNTRUSTED, 0)


def test_a_folder_that_everybody_can_change_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    tmp_path.chmod(0o777)
    assert refused(path) == (Kind.UNTRUSTED, 0)


def test_what_is_not_a_file_of_text_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == (Kind.UNREADABLE, 0)
    assert refused(tmp_path) == (Kind.UNREADABLE, 0)
    assert refused(written(tmp_path, b"[*]\n\n# \xff\n")) == (Kind.UNREADABLE, 3)
    assert refused(written(tmp_path, b"#" * (file.MAX_BYTES + 1))) == (Kind.UNREADABLE, 0)
    (tmp_path / "routes.ini").unlink()
    os.mkfifo(tmp_path / "routes.ini")
    assert refused(tmp_path / "routes.ini") == (Kind.UNREADABLE, 0)
