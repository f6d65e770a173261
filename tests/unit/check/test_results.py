"""What a step came to, what is to be changed, and what the servers should show: rules without I/O."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check import advice, steps
from certbot_external_auth.check.advice import Attempt, Kind
from certbot_external_auth.check.looking import Sight, Wish
from certbot_external_auth.check.results import Both, Level, Result, Stays, Summary, Works, level, passed, works
from certbot_external_auth.check.steps import Step
from certbot_external_auth.errors import Failure
from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.verdict import Decision

FIRST = Challenge("first", "dns-01", "a.test", "dns", "token", "token.one")
SECOND = Challenge("second", "dns-01", "a.test", "dns", "token", "token.two")
HTTP = Challenge("first", "http-01", "a.test", "dns", "token", "token.one")
TLS = Challenge("first", "tls-alpn-01", "a.test", "dns", "token", "token.one")
FAILURE = Failure("/hook", "perform", ("a.test",), "exit code 3")
WITH_FIX = replace(FAILURE, mend="Do it.")
GOOD = Sight(Decision.GO_ON, True)
PUBLISH = Step("publish", publish=("first",), present=("first",))
WITHDRAW = Step("withdraw", withdraw=("first",), absent=("first",))
AGAIN = replace(WITHDRAW, key="again", again=True)


@pytest.mark.parametrize(
    ("step", "failures", "sight", "trial", "expected"),
    [
        (PUBLISH, [], GOOD, False, Level.PASSED),
        (PUBLISH, [], replace(GOOD, decision=Decision.WARN), False, Level.WARNING),
        (PUBLISH, [], replace(GOOD, decision=Decision.FAIL), False, Level.FAILED),
        (PUBLISH, [], replace(GOOD, decision=Decision.FAIL), True, Level.WARNING),
        (PUBLISH, [], replace(GOOD, answered=False), False, Level.FAILED),
        (PUBLISH, [FAILURE], GOOD, False, Level.FAILED),
        (PUBLISH, [FAILURE], GOOD, True, Level.WARNING),
        (PUBLISH, [], None, False, Level.FAILED),
        (WITHDRAW, [], GOOD, False, Level.PASSED),
        (WITHDRAW, [FAILURE], GOOD, False, Level.WARNING),
        (WITHDRAW, [], None, False, Level.FAILED),
        (WITHDRAW, [], replace(GOOD, left=(FIRST,)), False, Level.FAILED),
        (AGAIN, [], replace(GOOD, left=(FIRST,)), False, Level.PASSED),
        (AGAIN, [], replace(GOOD, decision=Decision.WARN), False, Level.WARNING),
    ],
)
def test_level(step: Step, failures: list[Failure], sight: Sight | None, trial: bool, expected: Level) -> None:
    assert level(step, failures, sight, trial) is expected


@pytest.mark.parametrize(
    ("levels", "left", "interrupted", "ok"),
    [
        ([Level.PASSED, Level.WARNING, Level.SKIPPED], (), None, True),
        ([Level.PASSED, Level.FAILED], (), None, False),
        ([], (), None, False),
        ([Level.PASSED], (FIRST,), None, False),
        ([Level.PASSED], (), "SIGINT", False),
    ],
)
def test_summary(levels: list[Level], left: tuple[Challenge, ...], interrupted: str | None, ok: bool) -> None:
    results = tuple(Result("x", one) for one in levels)
    found = Summary(results, left, interrupted)
    assert found.ok is ok
    assert passed(results) is (bool(levels) and Level.FAILED not in levels)
    assert [found.count(one) for one in Level] == [levels.count(one) for one in Level]


MISSING_BOTH = replace(GOOD, decision=Decision.FAIL, missing=(FIRST, SECOND))
MISSING_FIRST = replace(GOOD, decision=Decision.FAIL, missing=(FIRST,))
MISSING_SECOND = replace(GOOD, decision=Decision.FAIL, missing=(SECOND,))
TWO = Step("second", publish=("second",), present=("first", "second"))


@pytest.mark.parametrize(
    ("step", "failures", "sight", "kinds"),
    [
        (PUBLISH, (FAILURE,), None, [Kind.SEE_OUTPUT]),
        (PUBLISH, (WITH_FIX, WITH_FIX, FAILURE), None, [Kind.FIX]),
        (replace(PUBLISH, key="dash"), (FAILURE,), None, [Kind.DASH_IS_NO_OPTION]),
        (TWO, (FAILURE,), None, [Kind.TWO_VALUES_NEEDED]),
        (PUBLISH, (), replace(GOOD, answered=False), [Kind.UNANSWERED]),
        (PUBLISH, (), GOOD, [Kind.PARTLY_ANSWERED]),
        (PUBLISH, (), MISSING_BOTH, [Kind.NOT_PUBLISHED]),
        (PUBLISH, (), replace(MISSING_BOTH, reasons=("x",)), []),
        (replace(PUBLISH, key="dash"), (), MISSING_BOTH, [Kind.DASH_IS_NO_OPTION]),
        (TWO, (), MISSING_BOTH, [Kind.NOT_PUBLISHED, Kind.KEEP_BOTH]),
        (TWO, (), MISSING_FIRST, [Kind.REPLACES, Kind.KEEP_BOTH]),
        (TWO, (), replace(MISSING_BOTH, reasons=("x",)), [Kind.KEEP_BOTH]),
        (TWO, (), MISSING_SECOND, [Kind.DOES_NOT_ADD, Kind.KEEP_BOTH]),
        (replace(TWO, key="chain"), (), MISSING_SECOND, [Kind.IGNORES_CHAIN, Kind.KEEP_BOTH]),
        (WITHDRAW, (), replace(GOOD, left=(FIRST,)), [Kind.LEAVES]),
        (WITHDRAW, (), replace(GOOD, missing=(FIRST,)), [Kind.REMOVES_ALL]),
        (WITHDRAW, (FAILURE,), GOOD, [Kind.FAILS_AFTER_WORK]),
        (AGAIN, (WITH_FIX,), GOOD, [Kind.FIX, Kind.FAILS_WHEN_GONE]),
        (WITHDRAW, (), None, [Kind.PARTLY_ANSWERED]),
    ],
)
def test_advice(step: Step, failures: tuple[Failure, ...], sight: Sight | None, kinds: list[Kind]) -> None:
    attempt = Attempt(step, failures, sight, FIRST, "native")
    found = advice.advise(attempt)
    assert [one.kind for one in found] == kinds
    assert {(one.challenge, one.dialect) for one in found} <= {(FIRST, "native")}
    assert [one.detail for one in found if one.kind is Kind.FIX] == ["Do it."] * kinds.count(Kind.FIX)
    for dialect, more in (("dehydrated", Kind.TRY_CHAIN), ("native", Kind.TRY_TOGETHER)):
        tried = advice.advise(replace(attempt, trial=True, dialect=dialect))
        assert [one.kind for one in tried] == [*kinds, more]


def test_the_dialect_for_which_the_handler_seems_to_be_written_is_named() -> None:
    (found,) = advice.advise(Attempt(PUBLISH, (), MISSING_BOTH, FIRST, "native", "lego"))
    assert (found.kind, found.detail) == (Kind.OTHER_DIALECT, "lego")


def saw(outcome: Outcome, *values: str) -> Observation:
    return Observation("p", "ns", "192.0.2.1:53", outcome, values)


ONE, OTHER = FIRST.validation, SECOND.validation
PRESENT, ABSENT, KEPT = Wish((FIRST,)), Wish((), (FIRST,)), Wish((SECOND,), (FIRST,))


@pytest.mark.parametrize(
    ("wish", "observation", "left", "missing", "shown", "turned"),
    [
        (PRESENT, saw(Outcome.MATCH, ONE), [], [], Outcome.MATCH, Outcome.MATCH),
        (PRESENT, saw(Outcome.OTHER_VALUES, "x"), [], [FIRST], Outcome.OTHER_VALUES, Outcome.OTHER_VALUES),
        (PRESENT, saw(Outcome.TIMEOUT), [], [], Outcome.TIMEOUT, Outcome.TIMEOUT),
        (ABSENT, saw(Outcome.MATCH), [FIRST], [], Outcome.OTHER_VALUES, Outcome.OTHER_VALUES),
        (ABSENT, saw(Outcome.NO_RECORD), [], [], Outcome.NO_RECORD, Outcome.MATCH),
        (ABSENT, saw(Outcome.TIMEOUT), [], [], Outcome.TIMEOUT, Outcome.TIMEOUT),
        (ABSENT, saw(Outcome.CONNECTION_REFUSED), [], [], Outcome.CONNECTION_REFUSED, Outcome.CONNECTION_REFUSED),
        (KEPT, saw(Outcome.MATCH, OTHER), [], [], Outcome.MATCH, Outcome.MATCH),
        (KEPT, saw(Outcome.MATCH, OTHER, ONE), [FIRST], [], Outcome.OTHER_VALUES, Outcome.OTHER_VALUES),
        (KEPT, saw(Outcome.NO_RECORD), [], [SECOND], Outcome.NO_RECORD, Outcome.NO_RECORD),
        (Wish((), (HTTP,)), saw(Outcome.MATCH), [HTTP], [], Outcome.WRONG_CONTENT, Outcome.WRONG_CONTENT),
        (Wish((), (TLS,)), saw(Outcome.MATCH), [TLS], [], Outcome.WRONG_CERTIFICATE, Outcome.WRONG_CERTIFICATE),
        # A server that runs only for its challenge stops with it.
        (Wish((), (TLS,)), saw(Outcome.CONNECTION_REFUSED), [], [], Outcome.CONNECTION_REFUSED, Outcome.MATCH),
    ],
)
def test_what_a_server_shows_and_should_not(
    wish: Wish,
    observation: Observation,
    left: list[Challenge],
    missing: list[Challenge],
    shown: Outcome,
    turned: Outcome,
) -> None:
    assert (wish.left(observation), wish.missing(observation)) == (left, missing)
    assert (wish.shown(observation).outcome, wish.turned(observation).outcome) == (shown, turned)


def test_servers_are_asked_about_what_must_be_there_or_else_about_what_must_not() -> None:
    assert [one.values for one in Wish((FIRST, SECOND), (HTTP,)).expectations] == [(ONE, OTHER)]
    assert [one.values for one in ABSENT.expectations] == [(ONE,)]
    assert (MISSING_BOTH.lost, MISSING_SECOND.lost, GOOD.lost) == (True, False, False)


PLANS = {
    ("dns-01", False): ["publish", "second", "keep", "withdraw", "again", "dash", "dash-withdraw"],
    ("dns-01", True): ["publish", "withdraw", "chain", "chain-withdraw", "again", "dash", "dash-withdraw"],
    ("http-01", False): ["publish", "withdraw", "again", "dash", "dash-withdraw"],
    ("http-01", True): ["publish", "withdraw", "again", "dash", "dash-withdraw"],
}


@pytest.mark.parametrize(("kind", "chain"), PLANS)
def test_every_plan_publishes_before_it_removes_and_removes_all(kind: str, chain: bool) -> None:
    plan = steps.plan(kind, chain)
    assert [one.key for one in plan] == PLANS[kind, chain]
    there: set[str] = set()
    for number, step in enumerate(plan):
        assert not set(step.publish) & there
        assert step.again or step.publish or set(step.withdraw) & there
        there = (there | set(step.publish)) - set(step.withdraw)
        assert set(step.present) == (there if step.publish or step.key == "keep" else set())
        assert set(step.absent) == set(step.withdraw)
        assert set(step.needs) <= {one.key for one in plan[:number]}
        assert bool(step.needs) is (number > 0)
        assert step.chained is step.key.startswith("chain")
        assert step.again is (step.key == "again")
    assert there == set()
    assert {value for step in plan for value in step.publish} <= set(steps.VALUES)
    assert [value for value, dashed in steps.VALUES.items() if dashed] == ["dashed"]


@pytest.mark.parametrize(
    ("dialect", "keys"),
    [
        ("dehydrated", ["chain", "chain-withdraw"]),
        ("native", ["together", "together-withdraw"]),
        *((dialect, []) for dialect in ("certbot", "lego", "lego-raw", "uacme", "acmetool")),
    ],
)
def test_another_way_to_publish_two_values(dialect: str, keys: list[str]) -> None:
    found = steps.trial(dialect)
    assert [one.key for one in found] == keys
    for step in found:
        assert step.publish + step.withdraw == ("first", "second")
        assert step.present == step.publish
        assert step.absent == step.withdraw


def test_what_no_server_answered_about_is_not_known() -> None:
    """Guards against: "stays: nothing", where nobody said that anything is gone."""
    silent = replace(GOOD, answered=False)
    steps_taken = [("publish", GOOD), ("second", GOOD), ("withdraw", silent)]
    results = [Result(key, Level.PASSED, sight=sight) for key, sight in steps_taken]
    assert works(results, {"publish", "second", "withdraw"}, False) == Works(True, Both.YES, None)
    answered = [replace(result, sight=GOOD) for result in results]
    assert works(answered, {"publish", "second", "withdraw"}, False).stays is Stays.NOTHING
    assert works([replace(results[0], sight=silent)], set(), False) == Works()
