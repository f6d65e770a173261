"""Name servers are asked about all certificates of a host in a time that silent ones do not multiply."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from certbot_external_auth.permission.look import Servers, Sight
from certbot_external_auth.rehearsal import permitted
from certbot_external_auth.rehearsal.findings import Kind
from certbot_external_auth.rehearsal.rehearsal import Wanted, rehearse
from tests.support.rehearsed import NAME, NOW, Bed

OTHER = "b.example"
PATIENCE = 30.0


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A host with two certificates; for each, the administrator named other servers."""
    found = Bed(tmp_path)
    found.keeps('external_auth_verify_nameservers = "127.0.0.1:2"')
    found.copy(OTHER)
    found.keeps('external_auth_verify_nameservers = "127.0.0.1:1"')
    return found


def test_different_servers_are_asked_at_the_same_time(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: one wait for each setting of the host whose servers are silent."""
    both = threading.Barrier(2)

    def look(names: Sequence[str], servers: Servers, seconds: float) -> Sight:
        both.wait(PATIENCE)
        return Sight(tuple(names), dict.fromkeys(names), {})

    monkeypatch.setattr(permitted, "look", look)
    found = rehearse(bed.host, Wanted(), NOW)
    assert {one.lineage: [each.kind for each in one.findings] for one in found.outcomes} == {
        NAME: [Kind.UNSAID],
        OTHER: [Kind.UNSAID],
    }


def test_what_there_is_no_time_for_is_not_known(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permitted, "LEAST_SECONDS", 0)
    monkeypatch.setattr(permitted, "SECONDS_PER_NAME", 0)
    found = rehearse(bed.host, Wanted(), NOW)
    assert [one.kind for one in found.host] == [Kind.UNSIGNED]
    assert {each.kind for one in found.outcomes for each in one.findings} == {Kind.UNSAID}
