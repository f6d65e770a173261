"""Until when a certificate of mode manual must be renewed, and by which command."""

from __future__ import annotations

import atexit
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.backends.manual import renewal_reminder
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.validation_certificates import build

NOW = datetime.datetime(2027, 2, 16, 12, tzinfo=datetime.timezone.utc)


def issue(config_dir: Path, lineage: str, days_later: int = 0) -> str:
    """Write a live certificate, and return its last day."""
    issued = NOW + datetime.timedelta(days=days_later)
    challenge = Challenge("c1", "tls-alpn-01", lineage, "dns", "t", "t.k")
    path = config_dir / "live" / lineage / "cert.pem"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.build(challenge, issued)[0])
    return (issued + build.AFTER).date().isoformat()


def test_the_command_is_quoted() -> None:
    assert renewal_reminder.Reminder("a b", ("-a", "x"), None).command == "certbot certonly --cert-name 'a b' -a x"


def test_the_last_day_is_that_of_the_live_certificate(tmp_path: Path) -> None:
    day = issue(tmp_path, "a.test")
    assert renewal_reminder.last_day(str(tmp_path), "a.test") == day == "2027-02-23"
    (tmp_path / "live/a.test/cert.pem").write_text("rubbish")
    assert renewal_reminder.last_day(str(tmp_path), "a.test") is None
    assert renewal_reminder.last_day(str(tmp_path), "gone") is None


def test_certificates_issued_meanwhile_are_told_at_exit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Callable[[], None]] = []

    def register(function: Callable[..., None], *arguments: Any) -> None:
        registered.append(lambda: function(*arguments))

    monkeypatch.setattr(atexit, "register", register)
    said: list[tuple[str, str]] = []

    def say(lineage: str, day: str) -> None:
        said.append((lineage, day))
        raise BrokenPipeError

    for lineage in ("kept.test", "renewed.test"):
        issue(tmp_path, lineage)
    renewal_reminder.tell_at_exit(str(tmp_path), say)
    renewal_reminder.tell_at_exit(str(tmp_path), say)
    later = [(lineage, issue(tmp_path, lineage, days_later=1)) for lineage in ("new.test", "renewed.test")]
    (exit_now,) = registered
    exit_now()
    # A terminal that has gone ends nothing.
    assert said == later
