"""A CA is asked once for its directory, whatever it answers."""

from __future__ import annotations

import pytest

from certbot_external_auth.accounts.directory import DirectoryError
from certbot_external_auth.rehearsal.directories import Directories
from tests.support.directory import directory


def test_a_ca_is_asked_once() -> None:
    requests: list[str] = []
    with directory(requests) as server:
        known = Directories()
        assert known.meta(server) == known.meta(server) == {}
    assert len(requests) == 1


def test_a_ca_that_does_not_answer_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: half a minute for each account."""
    known = Directories()
    with pytest.raises(DirectoryError):
        known.meta("http://127.0.0.1:1/directory")
    monkeypatch.setattr("certbot_external_auth.accounts.directory.meta", None)
    with pytest.raises(DirectoryError):
        known.meta("http://127.0.0.1:1/directory")
