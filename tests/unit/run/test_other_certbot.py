"""Whoever issues a certificate learns that a Certbot without the plugin would renew it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from certbot_external_auth.doctor import verb
from certbot_external_auth.run import other_certbot
from tests.unit.doctor.test_doctor import Host

CONFIG = "/etc/letsencrypt"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Debian's Certbot, whose timer renews, and a virtual environment with the plugin."""
    made = Host(tmp_path)
    made.package()
    made.venv("opt/certbot")
    made.booted_by_systemd()
    return made


def test_the_timer_of_another_certbot(host: Host) -> None:
    sentence = other_certbot.warning(CONFIG, host.root)
    assert sentence is not None
    assert "certbot.timer" in sentence
    assert "/usr/bin/certbot" in sentence


def test_the_certbot_that_issues_may_be_one_that_another_user_can_change(host: Host) -> None:
    """Lost: the certificate of a virtual environment in a home directory, which nothing renews."""
    (host.root / "opt/certbot").chmod(0o777)
    assert other_certbot.warning(CONFIG, host.root) is not None


def test_one_schedule_with_the_plugin_is_enough(host: Host) -> None:
    host.put("etc/crontab", "1 1 * * * root /opt/certbot/bin/certbot renew\n")
    assert other_certbot.warning(CONFIG, host.root) is None


def test_without_a_schedule_there_is_nothing_to_warn_of(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.venv("opt/certbot")
    assert other_certbot.warning(CONFIG, host.root) is None


def test_a_disk_that_fails_stops_no_certificate(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a home directory on a server that is gone is looked at, and nothing is issued."""

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "/home/u")

    monkeypatch.setattr(verb, "look", fail)
    assert other_certbot.warning(CONFIG, host.root) is None
