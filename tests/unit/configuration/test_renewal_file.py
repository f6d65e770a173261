"""The lineage that a renewal works on, from what Certbot logs. An integration test has Certbot itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.configuration import renewal_file

LOGGER = logging.getLogger("certbot._internal.display.obj")


@pytest.fixture(autouse=True)
def _listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(renewal_file, "_last", [])
    before, level = list(LOGGER.handlers), LOGGER.level
    LOGGER.setLevel(logging.DEBUG)
    renewal_file.listen()
    renewal_file.listen()
    assert len(set(LOGGER.handlers) - set(before)) == 1
    yield
    LOGGER.setLevel(level)
    for handler in set(LOGGER.handlers) - set(before):
        LOGGER.removeHandler(handler)


@pytest.mark.parametrize("between", [" ", "\n"])
def test_the_last_one_counts(tmp_path: Path, between: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert renewal_file.lineage(str(tmp_path)) is None
    for name in ("a.example", "a.example-0001"):
        LOGGER.debug("Notifying user: %s", f"Processing{between}{tmp_path}/renewal/{name}.conf")
        LOGGER.debug("Notifying user: %s", "Renewing an existing certificate for a.example")
        assert renewal_file.lineage(str(tmp_path / "link")) == name
    assert renewal_file.lineage(str(tmp_path / "elsewhere")) is None


def test_what_is_not_certbots_changes_nothing() -> None:
    for message, *arguments in (("Processing /c/renewal/x.conf",), ("Notifying user: %s %s", "a", "b"), ("x %s", 1)):
        LOGGER.debug(message, *arguments)
    assert renewal_file.lineage("/c") is None
