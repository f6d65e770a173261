"""What the answers of servers say about a record."""

from __future__ import annotations

import pytest

from certbot_external_auth.persist import looking, report
from certbot_external_auth.persist.looking import State
from certbot_external_auth.persist.making import Entry
from certbot_external_auth.persist.verb import _code
from certbot_external_auth.persistent_records import Kind, Need
from certbot_external_auth.persistent_records.record import value
from certbot_external_auth.visibility import Observation, Outcome
from tests.support.wrong_records import ACCOUNT, ISSUER, NOW, OLD, STAGING, URL

NEED = Need("example.com", False, OLD, ACCOUNT)
ENTRY = Entry(NEED)
RIGHT = value(ISSUER, URL, False, None)
DAY = 24 * 3600


def row(address: str, outcome: Outcome, *values: str) -> Observation:
    return Observation(NEED.place, f"ns{address[-1]}.example.org", f"{address}:53", outcome, whole=values)


def test_every_address_must_have_it() -> None:
    """Guards against: a secondary with an old copy of the zone, which the CA may ask."""
    rows = [row("192.0.2.1", Outcome.MATCH, RIGHT), row("192.0.2.2", Outcome.NO_RECORD)]
    found = looking.seen(ENTRY, rows, NOW)
    assert (found.state, found.lacking) == (State.WRONG, ("ns2.example.org (192.0.2.2:53)",))
    assert found.reason is not None
    assert found.reason.kind is Kind.NO_RECORD
    assert any("Only these servers" in line for line in report.lines([found], NOW))


def test_the_server_that_helps_most_is_quoted() -> None:
    """Guards against: "no record", from a secondary that has an older copy than the one with the mistake."""
    ended = value(ISSUER, URL, False, NOW - 1)
    rows = [row("192.0.2.1", Outcome.NO_RECORD), row("192.0.2.2", Outcome.OTHER_VALUES, ended)]
    reason = looking.seen(ENTRY, rows, NOW).reason
    assert reason is not None
    assert reason.kind is Kind.EXPIRED


def test_silence_is_not_taken_for_a_missing_record() -> None:
    """Guards against: "there is no record" from a network that is down."""
    found = looking.seen(ENTRY, [row("192.0.2.1", Outcome.TIMEOUT), row("192.0.2.2", Outcome.SERVFAIL)], NOW)
    assert (found.state, found.reason, len(found.silent)) == (State.UNKNOWN, None, 2)
    assert looking.seen(ENTRY, [], NOW).state is State.UNKNOWN


def test_a_dead_server_beside_one_that_has_it_is_said() -> None:
    """Guards against: a dead secondary that stops a script, and one that is not mentioned."""
    rows = [row("192.0.2.1", Outcome.MATCH, RIGHT), row("192.0.2.2", Outcome.TIMEOUT)]
    found = looking.seen(ENTRY, rows, NOW)
    assert (found.state, len(found.silent)) == (State.STANDS, 1)
    assert any("192.0.2.2" in line for line in report.lines([found], NOW))


def test_the_record_that_ends_first_counts() -> None:
    """Guards against: a warning that one server's longer record hides."""
    ends = value(ISSUER, URL, False, NOW + 3 * DAY)
    rows = [row("192.0.2.1", Outcome.MATCH, RIGHT), row("192.0.2.2", Outcome.MATCH, ends)]
    found = looking.seen(ENTRY, rows, NOW)
    assert found.judgement is not None
    assert found.judgement.until == NOW + 3 * DAY
    assert any("in 3 days" in line for line in report.lines([found], NOW))


def test_the_reason_and_the_right_record_are_said() -> None:
    """Guards against: a report that does not say what to publish."""
    found = looking.seen(ENTRY, [row("192.0.2.1", Outcome.OTHER_VALUES, value(ISSUER, STAGING, False, None))], NOW)
    lines = list(report.lines([found], NOW))
    assert STAGING in lines[0]
    assert RIGHT in lines[1]
    [told] = report.document([ENTRY], [found], NOW)["records"]
    assert (told["look"]["state"], told["look"]["reason"]) == ("wrong", "test_server")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        ([State.STANDS], 0),
        ([State.STANDS, State.UNKNOWN], 3),
        ([State.UNKNOWN, State.WRONG, State.STANDS], 1),
    ],
)
def test_exit_codes(states: list[State], code: int) -> None:
    """Guards against: a script that goes on although a record is missing."""
    assert _code(states) == code


def test_records_of_one_name_stand_together() -> None:
    """Guards against: a second set of records for a name, which tools that own the whole set would replace."""
    other = Entry(Need("example.com", False, OLD, ACCOUNT), until=9)
    [records] = report.grouped([ENTRY, other, ENTRY])
    assert records.texts == (ENTRY.text, other.text)
    assert URL in records.remarks[0]
