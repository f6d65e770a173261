"""acmetool's hooks, as data. Words and stdin are those of its documentation ("Challenge hooks", "Notify hooks")."""

from __future__ import annotations

import dataclasses

import pytest

from certbot_external_auth.backends import Finished
from certbot_external_auth.dialects.acmetool import Acmetool
from certbot_external_auth.processes.program import Ended
from tests.support.challenges import DEPLOYMENT, DIGEST, DNS, FACTS, HTTP, KEY_AUTHORIZATION, TOKEN


def test_publishing_and_withdrawing() -> None:
    found = Acmetool()
    starts = found.perform([DNS, HTTP], FACTS)
    stops = found.cleanup([Finished(DNS, "valid"), Finished(HTTP, "invalid")], FACTS)
    assert [call.arguments for call in starts] == [
        ("challenge-dns-start", "a.example", "lineage", DIGEST, ""),
        ("challenge-http-start", "b.example", "lineage", TOKEN),
    ]
    assert [call.arguments for call in stops] == [
        ("challenge-dns-stop", "a.example", "lineage", DIGEST, ""),
        ("challenge-http-stop", "b.example", "lineage", TOKEN),
    ]
    assert [call.document for call in (*starts, *stops)] == [b"", KEY_AUTHORIZATION.encode()] * 2
    assert {call.settings["ACME_STATE_DIR"] for call in (*starts, *stops)} == {"/c"}
    assert {call.folder for call in (*starts, *stops)} == {"/"}
    assert {call.side_by_side for call in (*starts, *stops)} == {True}


@pytest.mark.parametrize(
    ("names", "word"), [(("*.a.example",), "wildcard"), (("a.example",), ""), (("*.a.example", "a.example"), "")]
)
def test_a_wildcard_is_told_where_it_is_certain(names: tuple[str, ...], word: str) -> None:
    (call,) = Acmetool().perform([DNS], dataclasses.replace(FACTS, names=names))
    assert call.arguments[-1] == word


def test_handing_over_a_certificate() -> None:
    (call,) = Acmetool().deploy(DEPLOYMENT, FACTS)
    assert call.arguments == ("live-updated",)
    assert call.document == b"a.example\nb.example\n"
    assert (call.folder, call.side_by_side, call.variables) == ("/", False, {})
    assert call.settings == {"ACME_STATE_DIR": "/c"}
    assert Acmetool().unchanged(DEPLOYMENT, FACTS) == []


@pytest.mark.parametrize(("code", "start", "stop"), [(42, True, False), (1, True, True)])
def test_a_hook_may_decline_all_but_publishing(code: int, start: bool, stop: bool) -> None:
    (publish,) = Acmetool().perform([DNS], FACTS)
    (withdraw,) = Acmetool().cleanup([Finished(DNS, "valid")], FACTS)
    assert Acmetool().supported(publish, Ended(code=code)) is start
    assert Acmetool().supported(withdraw, Ended(code=code)) is stop
    assert publish.declined_by == 42
