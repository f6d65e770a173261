"""The other half of a run: which certificates are handed over, when, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.errors import DeployError, UsageError
from certbot_external_auth.lineages.handed_over import HandedOver, attempts_for, live_certificates
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.run.exit_report import exit_report
from certbot_external_auth.run.handover import Handover
from certbot_external_auth.run.informer import Informer
from tests.support import lineages
from tests.support.recording_backend import RecordingBackend, context

NAME = lineages.name(0)
DUE = [("prepare", "publishing=False", "deploying=True"), ("deploy", NAME)]


class Host:
    """A host whose plugin has been there before its certificate."""

    def __init__(self, folder: Path, *failing: str, historic: bool = False, **options: str) -> None:
        self.config_dir = str(folder / "config")
        self.context = context(folder, historic, **options)
        self.backend = RecordingBackend(*failing)
        self.handed_over = HandedOver(self.config_dir, str(folder / "work"))
        self.handed_over.begin("other")
        self.handover = Handover(self.context, self.backend, Informer(None), self._prepare)
        self.paths: dict[str, Any] = dict(Lineage(self.config_dir, NAME).paths)

    def _prepare(self, deploying: bool) -> None:
        self.backend.prepare(False, deploying)

    def issue(self) -> None:
        """Do what Certbot does when it saves a new certificate."""
        lineages.one(Path(self.config_dir), NAME, "http://127.0.0.1:1/", ["authenticator = external-auth"])

    @property
    def recorded(self) -> bool:
        return self.handed_over.deployed(NAME) == live_certificates(self.config_dir)[NAME]

    def report(self) -> list[dict[str, Any]]:
        return list(exit_report(self.config_dir, self.handed_over, attempts_for(self.config_dir))[1])


def test_a_certificate_is_handed_over_once(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.issue()
    assert host.handover.deploy_lineage(NAME, host.paths)
    assert not host.handover.deploy_lineage(NAME, host.paths)
    host.handover.deploy_files(NAME, host.paths)
    assert host.backend.calls == DUE
    assert host.recorded
    assert [(one["changed"], one["deployed"], one["deploy_failed"]) for one in host.report()] == [(True, True, False)]


def test_a_failure_names_the_command_and_stays_due(tmp_path: Path) -> None:
    host = Host(tmp_path, "deploy")
    host.issue()
    with pytest.raises(DeployError) as caught:
        host.handover.deploy_lineage(NAME, host.paths)
    assert f"certbot install --cert-name {NAME}" in str(caught.value)
    assert not host.recorded
    assert [(one["deploy_pending"], one["deploy_failed"]) for one in host.report()] == [(True, True)]


def test_only_what_was_written_in_this_process_is_handed_over(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.handover.deploy_written()
    assert host.backend.calls == []
    host.issue()
    host.handover.deploy_written()
    assert host.backend.calls == DUE


def test_what_is_there_at_the_first_contact_is_not_due(tmp_path: Path) -> None:
    lineages.make(tmp_path / "config", 1, "http://127.0.0.1:1/", [])
    HandedOver(str(tmp_path / "config"), str(tmp_path / "work")).baseline()
    host = Host(tmp_path)
    host.handover.first_contact()
    host.handover.look_again(NAME, host.paths)
    assert host.backend.calls == [("prepare", "publishing=False", "deploying=False"), ("unchanged", NAME)]


def test_a_deployment_that_failed_is_tried_again_by_the_next_process(tmp_path: Path) -> None:
    lineages.make(tmp_path / "config", 1, "http://127.0.0.1:1/", [])
    host = Host(tmp_path)
    host.handover.look_again(NAME, host.paths)
    assert host.backend.calls == DUE
    assert host.recorded


def test_who_cannot_be_told_that_nothing_changed_does_not_stop_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lineages.make(tmp_path / "config", 1, "http://127.0.0.1:1/", [])
    host = Host(tmp_path)
    host.handed_over.record(NAME, live_certificates(host.config_dir)[NAME])

    def prepare(publishing: bool, deploying: bool) -> None:
        raise UsageError(["The handler is gone."])

    monkeypatch.setattr(host.backend, "prepare", prepare)
    host.handover.look_again(NAME, host.paths)
    assert host.backend.calls == []
    assert "The handler is gone." in caplog.text


def test_a_certificate_that_cannot_be_read_is_an_error_about_its_lineage(tmp_path: Path) -> None:
    host = Host(tmp_path)
    with pytest.raises(DeployError) as caught:
        host.handover.deploy_lineage(NAME, host.paths)
    assert (caught.value.lineage, caught.value.failure.who) == (NAME, "The plugin")
    assert host.backend.calls == []


def test_the_historic_form_hands_over_for_each_name_that_certbot_gives(tmp_path: Path) -> None:
    host = Host(tmp_path, historic=True)
    host.issue()
    host.handover.deploy_files("alias.example", host.paths)
    assert not host.recorded
    host.handover.deploy_files(NAME, host.paths)
    assert [call for call in host.backend.calls if call[0] == "deploy"] == [("deploy", "alias.example"), DUE[1]]
    assert host.recorded


def test_a_person_does_not_stand_for_a_handler(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Guards against: a certificate that no handler ever gets, because a person once issued it by hand."""
    host = Host(tmp_path, mode="manual")
    host.issue()
    renewal = tmp_path / "config" / "renewal" / f"{NAME}.conf"
    renewal.write_text(renewal.read_text() + "external_auth_mode = handler\nexternal_auth_handler = /bin/true\n")
    host.handover.deploy_lineage(NAME, host.paths)
    assert not host.recorded
    assert NAME in caplog.text
