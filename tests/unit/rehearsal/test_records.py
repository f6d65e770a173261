"""The records of dns-persist-01 of all certificates of a host are looked up together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from certbot_external_auth.accounts import Account
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.persist import looking
from certbot_external_auth.persist.looking import Seen, State
from certbot_external_auth.persist.making import Entry
from certbot_external_auth.rehearsal import directories, permitted
from certbot_external_auth.rehearsal.findings import Kind
from certbot_external_auth.rehearsal.rehearsal import Wanted, rehearse
from tests.support.rehearsed import NAME, NOW, Bed

OTHERS = ["b.example", "c.example"]
PATIENCE = 30.0


def keeps(bed: Bed, servers: str) -> None:
    bed.keeps("pref_challs = dns-persist-01,", f'external_auth_verify_nameservers = "{servers}"')


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """A host with three certificates. For the first of them, the administrator named another server."""
    found = Bed(tmp_path)
    keeps(found, "127.0.0.1:2")
    for name in OTHERS:
        found.copy(name)
    keeps(found, "127.0.0.1:1")
    monkeypatch.setattr(directories.directory, "meta", lambda server: {"caaIdentities": ["ca.example"]})
    monkeypatch.setattr(permitted, "check", lambda *_: ({}, []))
    return found


def test_equal_servers_are_asked_once_and_others_at_the_same_time(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: one wait for each certificate whose servers are silent."""
    both = threading.Barrier(2)

    def look(
        entries: Sequence[Entry], servers: Sequence[Endpoint], now: int, others: Sequence[Account], seconds: float
    ) -> list[Seen]:
        both.wait(PATIENCE)
        return [Seen(entry, State.UNKNOWN) for entry in entries]

    monkeypatch.setattr(looking, "look", look)
    found = rehearse(bed.host, Wanted(), NOW)
    assert {one.lineage: [each.facts["names"] for each in one.findings] for one in found.outcomes} == {
        name: [name] for name in (NAME, *OTHERS)
    }
    assert {each.kind for one in found.outcomes for each in one.findings} == {Kind.RECORD_UNSAID}


def test_real_servers_that_are_not_there(bed: Bed) -> None:
    found = rehearse(bed.host, Wanted(), NOW)
    assert [each.facts["names"] for one in found.outcomes for each in one.findings] == [NAME, *OTHERS]
    assert {each.kind for one in found.outcomes for each in one.findings} == {Kind.RECORD_UNSAID}
