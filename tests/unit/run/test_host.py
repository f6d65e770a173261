"""What each call of Certbot asks for, with a run that only notes its calls."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest
from certbot import errors

from certbot_external_auth import settings
from certbot_external_auth.configuration import assembly, kept_options
from certbot_external_auth.configuration.certbot_config import CertbotConfig
from certbot_external_auth.errors import UsageError
from certbot_external_auth.run import other_certbot, run
from certbot_external_auth.run.host import Host
from certbot_external_auth.signals import deferral

PATHS = {"cert_path": "/le/live/a.test/cert.pem"}


class Notes:
    """Stands for a run and its halves. :ivar calls: the name of each call."""

    def __init__(self, wrong: str = "") -> None:
        self.calls: list[str] = []
        self.publication = self.handover = self
        self._wrong = wrong

    def prepare(self, publishing: bool, deploying: bool) -> None:
        self.calls.append(f"prepare{' publishing' * publishing}{' deploying' * deploying}")
        if self._wrong:
            raise UsageError([self._wrong])

    def recover(self, publishing: bool) -> None:
        self.calls.append("recover")

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append(name)


Made = Callable[..., tuple[Host, Notes]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return how to make a host for values of Certbot's configuration."""

    def make(wrong: str = "", **values: Any) -> tuple[Host, Notes]:
        names = {option.name for option in settings.OPTIONS}
        options = {f"external-auth-{name}".replace("-", "_"): None for name in names}
        notes = Notes(wrong)
        monkeypatch.setattr(run, "Run", lambda context, asked: notes)
        monkeypatch.setattr(assembly, "context_of_run", lambda config, lineage: (None, None))
        given = {"verb": "certonly", "authenticator": "external-auth", "installer": None, "configurator": None}
        more = {"certname": None, "dry_run": False, "quiet": False, "config_dir": "/le"}
        config = Namespace(**{**options, **given, **more, **values})
        return Host(CertbotConfig(config, settings.NAME, settings.OPTIONS)), notes

    return make


@pytest.mark.parametrize(
    ("values", "calls"),
    [
        ({}, ["prepare publishing", "recover"]),
        ({"installer": "external-auth"}, ["prepare publishing deploying", "recover", "first_contact"]),
        ({"installer": "external-auth", "dry_run": True}, ["prepare publishing deploying", "recover"]),
        ({"authenticator": "other", "installer": "external-auth"}, ["prepare deploying", "recover", "first_contact"]),
        ({"verb": "plugins"}, ["prepare publishing"]),
    ],
)
def test_what_certbot_prepares_decides_what_is_checked(made: Made, values: dict[str, Any], calls: list[str]) -> None:
    """Guards against: a listing of plugins that withdraws challenges, and a dry run that notes certificates."""
    host, notes = made(**values)
    host.prepare()
    assert notes.calls == calls


def test_a_listing_of_plugins_goes_on_after_wrong_use(made: Made) -> None:
    host, _ = made("no handler", verb="plugins")
    with pytest.raises(errors.MisconfigurationError, match="no handler"):
        host.prepare()
    host, _ = made("no handler")
    with pytest.raises(UsageError, match="no handler"):
        host.prepare()


@pytest.mark.parametrize(
    ("values", "calls"),
    [
        ({}, ["deploy_written", "restarted"]),
        ({"dry_run": True}, ["restarted"]),
        ({"verb": "run"}, ["restarted"]),
    ],
)
def test_only_certonly_deploys_at_a_restart(made: Made, values: dict[str, Any], calls: list[str]) -> None:
    """Certbot hands the certificate of other verbs over by itself."""
    host, notes = made(**values)
    host.restart()
    assert notes.calls == calls


def test_a_certificate_that_is_not_due_comes_without_prepare(made: Made) -> None:
    host, notes = made(verb="renew")
    host.not_due("a.test", PATHS)
    assert notes.calls == ["first_contact", "recover", "look_again"]


def test_options_of_a_lineage_are_restored_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: reading the renewal file again for each name of a certificate."""
    read: list[str] = []
    monkeypatch.setattr(kept_options, "restore", lambda config, lineage: read.append(lineage))
    host, notes = made(verb="install", certname="a.test")
    host.prepare()
    host.deploy("a.test", PATHS)
    assert (read, notes.calls[-1]) == (["a.test"], "deploy_files")
    assert made(verb="renew", certname="a.test")[0].prepare() is None
    assert read == ["a.test"]


def test_a_signal_ends_the_process_after_the_cleanup(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a renewal that goes on with the next certificate, because Certbot only notes the signal."""
    ended: list[int] = []
    monkeypatch.setattr(deferral, "end_process", ended.append)
    host, notes = made()
    host.withdraw()
    assert (notes.calls, ended) == (["cleanup"], [])

    def certbots_handler(signum: int) -> None:
        raise errors.SignalExit("stopped")

    try:
        certbots_handler(signal.SIGTERM)
    except errors.SignalExit:
        host.withdraw()
    assert notes.calls == ["cleanup", "cleanup", "end_of_process"]
    assert ended == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ({"config_dir": "/etc/letsencrypt"}, True),
        ({"config_dir": "/etc/letsencrypt", "verb": "renew"}, False),
        ({"config_dir": "/srv/mine"}, False),
    ],
)
def test_who_issues_in_the_usual_directory_learns_of_another_certbot(
    made: Made, values: dict[str, Any], warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards against warnings in every trial that has directories of its own."""
    sentence = f"another renews {values}"
    monkeypatch.setattr(other_certbot, "warning", lambda config_dir: sentence)
    host, _ = made(**values)
    host.prepare()
    assert (sentence in caplog.text) is warned
