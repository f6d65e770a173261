"""How attempts end, as the figures have it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from certbot import errors

from certbot_external_auth.errors import DeployError, Failure, UsageError
from certbot_external_auth.metrics import files
from certbot_external_auth.metrics.recorder import Recorded, Recorder
from certbot_external_auth.metrics.state import Entry
from tests.support import lineages


@pytest.fixture(autouse=True)
def _no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "last_value", None, raising=False)


def ended(monkeypatch: pytest.MonkeyPatch, exception: BaseException | None) -> None:
    monkeypatch.setattr(sys, "last_value", exception)


def recorded(folder: Path, verb: str = "certonly", attempted: bool = True, lineage: str = "a.test") -> Recorded:
    return Recorded(
        lineage, str(folder / "config"), str(folder / "work"), str(folder / "certbot.prom"), verb, attempted
    )


def issue(folder: Path, lineage: str = "a.test") -> None:
    lineages.one(folder / "config", lineage, "https://ca.test/dir", (), (lineage,))


def noted(folder: Path) -> dict[str, Entry]:
    with files.locked(str(folder / "work")) as descriptor:
        return files.read(descriptor)


def test_a_new_certificate_is_a_success(tmp_path: Path) -> None:
    one = Recorder()
    one.add(recorded(tmp_path))
    one.visible("a.test", 2.5)
    one.visible("a.test", 1.5)
    one.lasts("a.test", 9e9)
    one.lasts("a.test", 8e9)
    issue(tmp_path)
    one.at_exit()
    entry = noted(tmp_path)["a.test"]
    assert (entry.code, entry.visibility, entry.persist_until, entry.attempt is not None) == ("ok", 2.5, 8e9, True)


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (UsageError(["x"]), "usage"),
        (DeployError(Failure("x", "deploy_cert", (), "x"), "a.test"), "deploy.failed"),
        (KeyboardInterrupt(), ""),
        (errors.SignalExit(15), ""),
        (None, ""),
    ],
)
def test_the_end_of_certbot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exception: BaseException | None, code: str
) -> None:
    """Without an exception or a new certificate, nothing was due. What is there is written all the same."""
    issue(tmp_path)
    one = Recorder()
    one.add(recorded(tmp_path))
    ended(monkeypatch, exception)
    one.at_exit()
    entry = noted(tmp_path)["a.test"]
    assert (entry.code, entry.attempt is not None) == (code, bool(code))
    assert "certificate_expiry_timestamp_seconds{" in (tmp_path / "certbot.prom").read_text()


def test_each_renewal_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.test", "b.test", "c.test"):
        issue(tmp_path, name)
    one = Recorder()
    for name in ("a.test", "b.test"):
        one.add(recorded(tmp_path, "renew", lineage=name))
    one.add(recorded(tmp_path, "renew", attempted=False, lineage="c.test"))
    # After its renewal, Certbot hands a certificate over.
    one.add(recorded(tmp_path, "renew", attempted=False, lineage="a.test"))
    issue(tmp_path, "a.test")
    one.renewal_failed(errors.Error("x"), "b.test")
    one.renewal_failed(errors.Error("x"), "other.test")
    ended(monkeypatch, errors.Error("1 renew failure(s)"))
    one.at_exit()
    assert {name: entry.code for name, entry in noted(tmp_path).items()} == {
        "a.test": "ok",
        "b.test": "certbot.failed",
        "c.test": "",
    }


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "certbot.prom").mkdir()
    issue(tmp_path)
    one = Recorder()
    one.add(recorded(tmp_path))
    with caplog.at_level(logging.WARNING):
        one.at_exit()
    assert "The figures could not be written to" in caplog.text


def test_a_child_of_certbot_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Recorder()
    one.add(recorded(tmp_path))
    monkeypatch.setattr("os.getpid", lambda: 1)
    one.at_exit()
    assert not (tmp_path / "certbot.prom").exists()
