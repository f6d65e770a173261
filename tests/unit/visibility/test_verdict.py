"""The rule: DESIGN's table of policies."""

from __future__ import annotations

import itertools

import pytest

from certbot_external_auth.visibility import Expectation, Observation, Outcome
from certbot_external_auth.visibility.verdict import Decision, State, by_place, decision, state

PLACE = "_acme-challenge.example.org"
GO_ON, WARN, FAIL = Decision


def seen(*outcomes: Outcome) -> list[Observation]:
    return [Observation(PLACE, f"ns{n}", f"192.0.2.{n}:53", one) for n, one in enumerate(outcomes, 1)]


@pytest.mark.parametrize(
    ("outcomes", "auto", "strict", "before", "after"),
    [
        ([Outcome.MATCH], GO_ON, GO_ON, State.VISIBLE, State.VISIBLE),
        ([Outcome.MATCH, Outcome.UNREACHABLE], GO_ON, GO_ON, State.VISIBLE, State.VISIBLE),
        ([Outcome.MATCH, Outcome.NO_RECORD], FAIL, FAIL, State.WAITING, State.NOT_VISIBLE),
        ([Outcome.MATCH, Outcome.REFUSED], WARN, FAIL, State.WAITING, State.UNKNOWN),
        ([Outcome.NO_RECORD, Outcome.TIMEOUT], FAIL, FAIL, State.WAITING, State.NOT_VISIBLE),
        ([Outcome.TIMEOUT, Outcome.REFUSED], WARN, FAIL, State.UNKNOWN, State.UNKNOWN),
        ([Outcome.UNREACHABLE], WARN, FAIL, State.UNKNOWN, State.UNKNOWN),
        ([], WARN, FAIL, State.UNKNOWN, State.UNKNOWN),
    ],
)
def test_the_table(outcomes: list[Outcome], auto: Decision, strict: Decision, before: State, after: State) -> None:
    found = seen(*outcomes)
    assert (decision(found, "auto"), decision(found, "strict")) == (auto, strict)
    assert (state(found), state(found, over=True)) == (before, after)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_counts_as_the_table_says(outcome: Outcome) -> None:
    """Guards against a refusal that counts as "not yet": one server that is down would stop every certificate."""
    beside = {
        **dict.fromkeys((Outcome.MATCH, Outcome.UNREACHABLE), GO_ON),
        **dict.fromkeys((Outcome.OTHER_VALUES, Outcome.NO_RECORD, Outcome.NO_SUCH_NAME), FAIL),
        **dict.fromkeys((Outcome.WRONG_CONTENT, Outcome.WRONG_CERTIFICATE), FAIL),
        **dict.fromkeys((Outcome.REFUSED, Outcome.SERVFAIL, Outcome.NOT_AUTHORITATIVE), WARN),
        **dict.fromkeys((Outcome.CONNECTION_REFUSED, Outcome.TIMEOUT, Outcome.NOT_ASKED, Outcome.FAULT), WARN),
    }
    assert decision(seen(Outcome.MATCH, outcome), "auto") is beside[outcome]


def test_no_order_of_answers_changes_anything() -> None:
    for outcomes in itertools.product((Outcome.MATCH, Outcome.NO_SUCH_NAME, Outcome.TIMEOUT), repeat=3):
        assert len({decision(seen(*some), "auto") for some in itertools.permutations(outcomes)}) == 1


def test_what_was_not_seen_at_all_has_its_place() -> None:
    assert by_place([Expectation("dns-01", "example.org", PLACE, ("one",))], []) == {PLACE: []}
