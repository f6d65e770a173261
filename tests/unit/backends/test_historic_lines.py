"""Which backend speaks which protocol, and what protocol 0 waits for."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence

import pytest

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.context import backend
from certbot_external_auth.backends.historic_lines import HistoricBackend
from certbot_external_auth.backends.json_lines import JsonBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import DeployError, PerformError
from certbot_external_auth.protocol import stream as module
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.stream import Stream
from certbot_external_auth.settings import Settings
from tests.support.challenges import DEPLOYMENT, DNS, FACTS, HTTP


class Host:
    """A stream of protocol 0, its backend, and the driver's ends of both pipes."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        answers, self.answering = os.pipe()
        self.reading, lines = os.pipe()
        self._ends = (answers, self.answering, self.reading, lines)
        self.stream = Stream(Channel(answers, lines))
        self.stream.contact(0)
        patch.setattr(module, "_stream", self.stream)
        self.backend = backend("json", Context(Settings(mode="json", protocol=0, ack_timeout=0.05), FACTS))
        self.begun: list[Challenge] = []

    def perform(self, *challenges: Challenge) -> None:
        def begin(batch: Sequence[Challenge]) -> None:
            self.begun += batch

        self.backend.perform(challenges, begin)

    def said(self) -> list[str]:
        text = os.read(self.reading, 65536).decode()
        return [json.loads(line)["cmd"] for line in text.splitlines()]

    def close(self) -> None:
        for descriptor in self._ends:
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    found = Host(monkeypatch)
    yield found
    found.close()


def test_the_protocol_chooses_the_backend(host: Host) -> None:
    assert type(host.backend) is HistoricBackend
    assert type(backend("json", Context(Settings(mode="json", protocol=1), FACTS))) is JsonBackend


def test_every_challenge_is_confirmed_by_one_newline(host: Host) -> None:
    os.write(host.answering, b"\nanything\n")
    host.perform(DNS, HTTP)
    assert (host.said(), host.begun) == (["perform_challenge"] * 2, [DNS, HTTP])


@pytest.mark.parametrize("ended", [False, True])
def test_a_challenge_that_is_not_confirmed_fails_before_the_next_begins(host: Host, ended: bool) -> None:
    if ended:
        os.close(host.answering)
    with pytest.raises(PerformError) as caught:
        host.perform(DNS, HTTP)
    assert [failure.identifiers for failure in caught.value.failures] == [("a.example",)]
    assert (host.said(), host.begun) == (["perform_challenge"], [DNS])


def test_nothing_answers_the_other_lines(host: Host) -> None:
    assert host.backend.cleanup([Finished(DNS, "valid"), Finished(HTTP, "invalid")]) == []
    host.backend.deploy(DEPLOYMENT)
    host.backend.unchanged(DEPLOYMENT)
    assert host.said() == ["cleanup", "cleanup", "deploy_cert"]


def test_a_driver_that_is_gone_has_confirmed_nothing(host: Host) -> None:
    os.close(host.reading)
    failures = host.backend.cleanup([Finished(DNS, "valid"), Finished(HTTP, "valid")])
    assert [failure.ids for failure in failures] == [("c1",), ("c2",)]
    with pytest.raises(DeployError):
        host.backend.deploy(DEPLOYMENT)
