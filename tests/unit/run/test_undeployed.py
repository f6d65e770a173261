"""With routes, no publisher takes a certificate, and the plugin says so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.run import undeployed
from certbot_external_auth.run.run import Run
from tests.support.recording_backend import RecordingBackend, context


def test_it_is_said_once_even_with_q(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()

    def first_time(text: str) -> bool:
        new = text not in seen
        seen.add(text)
        return new

    monkeypatch.setattr(undeployed, "first_time", first_time)
    paths = ("/cert.pem", "/key.pem", None, None)
    receiver = undeployed.Undeployed()
    deployment = Deployment("d1", "a.test", "a.test", ("a.test",), *paths, 0, 0.0, "", "")
    for _ in range(2):
        receiver.deploy(deployment)
        receiver.unchanged(deployment)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("ERROR", undeployed.SENTENCE)]


def test_a_command_takes_it_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = RecordingBackend()
    monkeypatch.setattr("certbot_external_auth.run.run.deploy_handler", lambda context: command)
    found = dataclasses.replace(context(tmp_path, routes="/none.ini"), words=(), silent=True)
    # The file is not there, and nothing that deploys needs it.
    Run(found, {"a.test"}).prepare(publishing=False, deploying=True)
    assert command.calls == [("prepare", "publishing=False", "deploying=True")]
