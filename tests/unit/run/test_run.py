"""Who is asked whether the work can be done: what publishes, and what takes the certificate."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from certbot_external_auth.run import part
from certbot_external_auth.run import run as module
from certbot_external_auth.run.run import Run
from tests.support.recording_backend import RecordingBackend, context


@pytest.mark.parametrize(
    ("publishing", "deploying", "of_publisher", "of_command"),
    [
        # A publisher that may not be trusted with a certificate must not be examined as if it got one.
        (True, True, ["publishing=True", "deploying=False"], ["publishing=False", "deploying=True"]),
        (True, False, ["publishing=True", "deploying=False"], []),
        (False, True, [], ["publishing=False", "deploying=True"]),
        (False, False, [], ["publishing=False", "deploying=False"]),
    ],
)
def test_with_a_command_of_its_own_each_is_asked_for_its_part(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    publishing: bool,
    deploying: bool,
    of_publisher: list[str],
    of_command: list[str],
) -> None:
    publisher, command = RecordingBackend(), RecordingBackend()
    monkeypatch.setattr(part, "backend", lambda mode, context: publisher)
    monkeypatch.setattr(module, "deploy_handler", lambda context: command)
    run = Run(dataclasses.replace(context(tmp_path), silent=True), {"a.example"})
    run.prepare(publishing, deploying)
    for asked, expected in ((publisher, of_publisher), (command, of_command)):
        assert asked.calls == ([("prepare", *expected)] if expected else [])
