"""The backend `json` before a driver in a thread, over real pipes."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from certbot_external_auth.backends import Context, Finished, json_lines
from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import DeployError, PerformError, UsageError
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.stream import Stream
from certbot_external_auth.settings import Settings
from tests.support.challenges import DEPLOYMENT, DNS, HTTP

Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]
REFUSED = {"ok": False, "error": {"code": "full", "message": "no room"}}


class Host:
    """:ivar lines: what the driver has read. :ivar begun: the batches that were begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read, self._answers = os.pipe()
        self._lines, write = os.pipe()
        self._ours = (read, write)
        self.stream = Stream(Channel(read, write))
        self.lines: list[dict[str, Any]] = []
        self.begun: list[list[Challenge]] = []
        self._thread: threading.Thread | None = None
        monkeypatch.setattr(json_lines, "opened", lambda: self.stream)

    def backend(self, answer: Answer, ack_timeout: float = 20.0) -> json_lines.JsonBackend:
        def drive() -> None:
            with os.fdopen(self._lines, "rb") as lines:
                for raw in lines:
                    self.lines.append(json.loads(raw))
                    for one in answer(self.lines[-1]):
                        os.write(self._answers, json.dumps(one).encode() + b"\n")
            os.close(self._answers)

        self._thread = threading.Thread(target=drive)
        self._thread.start()
        return json_lines.JsonBackend(Context(Settings("json", ack_timeout=ack_timeout), Facts()))

    def of(self, command: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["cmd"] == command]

    def end(self) -> None:
        os.close(self._ours[1])
        if self._thread is not None:
            self._thread.join(20)
        os.close(self._ours[0])


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    found = Host(monkeypatch)
    yield found
    found.end()


def confirms(*commands: str, **more: object) -> Answer:
    def answer(line: dict[str, Any]) -> list[dict[str, Any]]:
        ids = line["ids"] if line["cmd"] == "await" else [line.get("id")]
        return [{"id": one, **(more or {"ok": True})} for one in ids] if line["cmd"] in commands else []

    return answer


def test_a_batch_is_begun_before_it_is_told_and_then_confirmed(host: Host) -> None:
    backend = host.backend(confirms("await"), 900.0)
    told: list[int] = []
    backend.perform([DNS, HTTP], lambda batch: (host.begun.append(list(batch)), told.append(len(host.lines)))[0])
    assert (host.begun, told) == ([[DNS, HTTP]], [0])
    assert [line["id"] for line in host.of("perform_challenge")] == [DNS.id, HTTP.id]
    (waits,) = host.of("await")
    assert waits["ids"] == [DNS.id, HTTP.id]
    until = datetime.datetime.fromisoformat(waits["deadline"].replace("Z", "+00:00"))
    left = (until - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert 600 < left <= 900
    assert (backend.challenge_types, backend.told_aliases) == (TYPES, True)


def test_what_the_driver_refuses_keeps_its_code_and_ends_the_batch(host: Host) -> None:
    backend = host.backend(confirms("await", **REFUSED))
    with pytest.raises(PerformError) as raised:
        backend.perform([DNS], lambda batch: None)
    (failure,) = raised.value.failures
    assert (failure.who, failure.operation, failure.identifiers) == (
        *(json_lines.DRIVER, "perform_challenge"),
        (DNS.identifier,),
    )
    assert "no room" in failure.happened
    assert raised.value.problems == {DNS.id: {"type": "full", "detail": "no room"}}
    assert not host.stream.forgotten


@pytest.mark.parametrize("session", [True, False])
def test_after_a_batch_of_a_session_that_nobody_finished_there_is_no_other(host: Host, session: bool) -> None:
    backend = host.backend(confirms(), 0.1)
    host.stream.channel.session = session
    with pytest.raises(PerformError) as raised:
        backend.perform([DNS], lambda batch: None)
    assert raised.value.problems[DNS.id]["type"] == "answer.timeout"
    assert host.stream.forgotten is session
    before = len(host.of("perform_challenge"))
    with pytest.raises(PerformError) as again:
        backend.perform([HTTP], lambda batch: host.begun.append(list(batch)))
    assert [one.identifiers for one in again.value.failures] == [(HTTP.identifier,)]
    assert bool(host.begun) is not session
    if session:
        assert len(host.of("perform_challenge")) == before


def test_the_deadline_of_a_session_counts_more_than_that_of_the_settings(host: Host) -> None:
    host.stream.channel.deadline = 0.1
    backend = host.backend(confirms(), 3600.0)
    with pytest.raises(PerformError):
        backend.perform([DNS], lambda batch: None)


def test_a_cleanup_that_is_not_confirmed_is_named_by_its_id(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = host.backend(lambda line: confirms("cleanup")(line) if line.get("id") == DNS.id else [])
    monkeypatch.setattr(json_lines, "MAX_CLEANUP_SECONDS", 0.3)
    (failure,) = backend.cleanup([Finished(DNS, "valid"), Finished(HTTP, "not_asked")])
    assert (failure.operation, failure.identifiers, failure.ids) == ("cleanup", (HTTP.identifier,), (HTTP.id,))
    assert [(line["id"], line["status"]) for line in host.of("cleanup")] == [(DNS.id, "valid"), (HTTP.id, "pending")]


def test_a_cleanup_to_a_driver_that_is_gone_fails_for_every_challenge(host: Host) -> None:
    backend = host.backend(confirms())
    host.stream._broken = True
    failures = backend.cleanup([Finished(DNS, "valid"), Finished(HTTP, "valid")])
    assert [one.ids for one in failures] == [(DNS.id,), (HTTP.id,)]
    assert all("gone" in one.happened for one in failures)


def test_a_certificate_is_confirmed_or_counts_as_not_handed_over(host: Host) -> None:
    backend = host.backend(lambda line: confirms("deploy_cert")(line) if line.get("domain") == "a.example" else [], 0.5)
    backend.deploy(DEPLOYMENT)
    with pytest.raises(DeployError) as raised:
        backend.deploy(dataclasses.replace(DEPLOYMENT, id="d2", domain="b.example"))
    assert (raised.value.lineage, raised.value.failure.identifiers) == (DEPLOYMENT.lineage, ("b.example",))
    assert raised.value.failure.operation == "deploy_cert"
    assert [line["id"] for line in host.of("deploy_cert")] == [DEPLOYMENT.id, "d2"]
    backend.unchanged(DEPLOYMENT)
    deadline = time.monotonic() + 20
    while not host.of("unchanged_cert"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("publishing", "deploying", "needed"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_a_driver_is_needed_for_what_it_is_told(host: Host, publishing: bool, deploying: bool, needed: bool) -> None:
    backend = host.backend(confirms())
    backend.prepare(publishing, deploying)
    host.stream._broken = True
    if needed:
        with pytest.raises(UsageError):
            backend.prepare(publishing, deploying)
    else:
        backend.prepare(publishing, deploying)


@pytest.mark.parametrize("renewing", [True, False])
def test_a_renewal_by_a_timer_has_no_driver(renewing: bool, tmp_path: Any) -> None:
    read = os.open(os.devnull, os.O_RDONLY)
    try:
        stream = Stream(Channel(read, 1))
        context = Context(Settings(mode="json"), Facts(), renewing=renewing)
        if renewing:
            with pytest.raises(UsageError, match="at its end"):
                json_lines.require_driver(stream, context)
        else:
            json_lines.require_driver(stream, context)
    finally:
        os.close(read)
