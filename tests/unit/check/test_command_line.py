"""The pure parts of a trial: its challenges, its steps, and what follows from what the servers show."""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace

import pytest

from certbot_external_auth import cli
from certbot_external_auth.challenges import TXT_TYPES, TYPES, Challenge, guard
from certbot_external_auth.check import arguments, command_line, made_up, steps
from certbot_external_auth.check.advice import Attempt, Kind, advise
from certbot_external_auth.check.looking import Sight, Wish
from certbot_external_auth.check.results import Level, Result, Summary, level, passed
from certbot_external_auth.errors import Failure, UsageError
from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.verdict import Decision

FAILURE = Failure("The handler /h", "begin", ("a.test",), "exit code 1")


def made(name: str, kind: str = "dns-01") -> Challenge:
    return made_up.challenge(name, kind, "a.test", "dns", dashed=False)


def observation(outcome: Outcome, *seen: str) -> Observation:
    return Observation("_acme-challenge.a.test", "ns1.a.test", "192.0.2.1:53", outcome, seen)


@pytest.mark.parametrize(("kind", "dashed"), list(itertools.product(TYPES, (False, True))))
def test_made_up_challenges_are_well_formed(kind: str, dashed: bool) -> None:
    for _ in range(20):
        label = made_up.account_label() if kind == "dns-account-01" else None
        found = made_up.challenge("first", kind, "a.test", "dns", dashed, label)
        guard.check([found], ["a.test"])
        assert found.token.startswith("-") is dashed
        assert found.validation.startswith("-") is (dashed and kind != "tls-sni-01")


@pytest.mark.parametrize(("kind", "chain"), list(itertools.product(TYPES, (False, True))))
def test_a_plan_leaves_nothing_published_and_needs_only_what_was_before(kind: str, chain: bool) -> None:
    there: set[str] = set()
    before: set[str] = set()
    for step in steps.plan(kind, chain):
        there = (there | set(step.publish)) - set(step.withdraw)
        assert there >= set(step.present)
        assert not there & set(step.absent)
        assert before >= set(step.needs)
        before.add(step.key)
    assert not there


def test_two_values_at_a_name_are_for_txt_records_alone() -> None:
    for kind in TYPES:
        most = max(len(step.present) for step in steps.plan(kind, chain=False))
        assert most == (2 if kind in TXT_TYPES else 1)


def test_a_wish_is_judged_by_values() -> None:
    first, second = made("first"), made("second")
    one, two = first.validation, second.validation
    both, keep, none = Wish((first, second)), Wish((second,), (first,)), Wish((), (first, second))
    replaced = observation(Outcome.OTHER_VALUES, two)
    assert both.missing(replaced) == [first]
    assert keep.turned(observation(Outcome.MATCH, two)).outcome is Outcome.MATCH
    assert keep.turned(observation(Outcome.MATCH, two, one)).outcome is Outcome.OTHER_VALUES
    assert keep.missing(observation(Outcome.NO_SUCH_NAME)) == [second]
    assert none.turned(observation(Outcome.NO_SUCH_NAME)).outcome is Outcome.MATCH
    assert none.turned(observation(Outcome.OTHER_VALUES, "somebody else's")).outcome is Outcome.MATCH
    assert none.left(observation(Outcome.OTHER_VALUES, two)) == [second]
    assert none.turned(observation(Outcome.TIMEOUT)).outcome is Outcome.TIMEOUT


def test_a_server_that_stops_with_its_challenge_is_as_wished_but_not_a_name_server() -> None:
    refused = observation(Outcome.CONNECTION_REFUSED)
    assert Wish((), (made("first", "http-01"),)).turned(refused).outcome is Outcome.MATCH
    assert Wish((), (made("first"),)).turned(refused).outcome is Outcome.CONNECTION_REFUSED


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("dns-01", Outcome.OTHER_VALUES),
        ("http-01", Outcome.WRONG_CONTENT),
        ("tls-alpn-01", Outcome.WRONG_CERTIFICATE),
    ],
)
def test_a_match_is_not_shown_where_nothing_should_be(kind: str, outcome: Outcome) -> None:
    gone = Wish((), (made("first", kind),))
    assert gone.shown(observation(Outcome.MATCH, "x")).outcome is outcome
    assert gone.shown(observation(Outcome.NO_RECORD)).outcome is Outcome.NO_RECORD


STEPS = {
    step.key: step
    for step in (
        *steps.plan("dns-01", chain=False),
        steps.STAYS,
        *steps.trial("dehydrated"),
        *steps.trial("native"),
    )
}
RIGHT = Sight(Decision.GO_ON, answered=True)
PARTLY = Sight(Decision.WARN, answered=True)
SILENT = Sight(Decision.WARN, answered=False)
LEFT = Sight(Decision.FAIL, answered=True, left=(made("first"),))
NO_SECOND = Sight(Decision.FAIL, answered=True, missing=(made("second"),))
NO_FIRST = Sight(Decision.FAIL, answered=True, missing=(made("first"),))
NEITHER = Sight(Decision.FAIL, answered=True, missing=(made("first"), made("second")))
FIXED = replace(FAILURE, mend="Run it as root.")


@pytest.mark.parametrize(
    ("key", "failures", "sight", "trial", "expected", "advice"),
    [
        ("publish", (), RIGHT, False, Level.PASSED, None),
        ("publish", (), PARTLY, False, Level.WARNING, [Kind.PARTLY_ANSWERED]),
        ("publish", (), SILENT, False, Level.FAILED, [Kind.UNANSWERED]),
        ("publish", (), NO_FIRST, False, Level.FAILED, [Kind.NOT_PUBLISHED]),
        ("publish", (FAILURE,), None, False, Level.FAILED, [Kind.SEE_OUTPUT]),
        ("publish", (FIXED, FIXED), None, False, Level.FAILED, [Kind.FIX]),
        ("second", (), NO_SECOND, False, Level.FAILED, [Kind.DOES_NOT_ADD, Kind.KEEP_BOTH]),
        ("second", (), NO_FIRST, False, Level.FAILED, [Kind.REPLACES, Kind.KEEP_BOTH]),
        ("second", (), NEITHER, False, Level.FAILED, [Kind.NOT_PUBLISHED, Kind.KEEP_BOTH]),
        ("second", (), replace(NO_FIRST, reasons=("x",)), False, Level.FAILED, [Kind.KEEP_BOTH]),
        ("second", (), NO_SECOND, True, Level.WARNING, [Kind.DOES_NOT_ADD, Kind.KEEP_BOTH, Kind.TRY_CHAIN]),
        ("second", (FAILURE,), None, True, Level.WARNING, [Kind.TWO_VALUES_NEEDED, Kind.TRY_CHAIN]),
        ("chain", (), NO_SECOND, False, Level.FAILED, [Kind.IGNORES_CHAIN, Kind.KEEP_BOTH]),
        ("together", (), NO_SECOND, False, Level.FAILED, [Kind.DOES_NOT_ADD, Kind.KEEP_BOTH]),
        ("keep", (), NO_SECOND, False, Level.WARNING, [Kind.REMOVES_ALL]),
        ("keep", (), LEFT, False, Level.FAILED, [Kind.LEAVES]),
        ("withdraw", (), RIGHT, False, Level.PASSED, None),
        ("withdraw", (FAILURE,), RIGHT, False, Level.WARNING, [Kind.FAILS_AFTER_WORK]),
        ("withdraw", (FAILURE,), LEFT, False, Level.FAILED, [Kind.LEAVES]),
        ("withdraw", (), SILENT, False, Level.WARNING, [Kind.PARTLY_ANSWERED]),
        ("stays", (), RIGHT, False, Level.PASSED, None),
        ("stays", (), replace(RIGHT, left=(made("first"),)), False, Level.FAILED, [Kind.LEAVES]),
        ("again", (FAILURE,), RIGHT, False, Level.WARNING, [Kind.FAILS_WHEN_GONE]),
        ("again", (), LEFT, False, Level.WARNING, [Kind.LEAVES]),
        ("dash", (), NO_FIRST, False, Level.FAILED, [Kind.DASH_IS_NO_OPTION]),
        ("dash", (), SILENT, False, Level.FAILED, [Kind.UNANSWERED]),
        ("dash", (FIXED,), None, False, Level.FAILED, [Kind.FIX, Kind.DASH_IS_NO_OPTION]),
    ],
)
def test_the_level_of_a_step_and_what_to_change(
    key: str,
    failures: tuple[Failure, ...],
    sight: Sight | None,
    trial: bool,
    expected: Level,
    advice: list[Kind] | None,
) -> None:
    """A fault that prevents certificates, or leaves values behind, is a failure; another one a warning."""
    assert level(STEPS[key], failures, sight, trial) is expected
    attempt = Attempt(STEPS[key], failures, sight, made("second"), "dehydrated", trial=trial)
    if advice is not None:
        assert [one.kind for one in advise(attempt)] == advice


@pytest.mark.parametrize("leaves", [Kind.LEAVES, Kind.NOT_REMOVED])
@pytest.mark.parametrize(("failures", "more"), [((), [Kind.NOT_SET_AT_CLEANUP]), ((FAILURE,), [])])
def test_a_value_that_stays_since_its_name_is_empty_at_cleanup(
    failures: tuple[Failure, ...], more: list[Kind], leaves: Kind
) -> None:
    """If the call failed, its own fix says it already."""
    challenge, absent = made("first"), ("txt_domain",)
    attempt = Attempt(STEPS["withdraw"], failures, LEFT, challenge, "native", leaves=leaves, only_at_perform=absent)
    advice = advise(attempt)
    assert [one.kind for one in advice] == [leaves, *more]
    assert [one.detail for one in advice[1:]] == ["txt_domain"][: len(advice) - 1]


def test_a_hook_of_another_dialect_is_told_so_where_nothing_was_published() -> None:
    attempt = Attempt(STEPS["publish"], (), NO_FIRST, made("first"), "native", "lego")
    (advice,) = advise(attempt)
    assert (advice.kind, advice.detail) == (Kind.OTHER_DIALECT, "lego")


def test_a_dialect_without_chains_is_tried_in_one_batch() -> None:
    attempt = Attempt(STEPS["second"], (), NO_SECOND, made("second"), "native", trial=True)
    assert advise(attempt)[-1].kind is Kind.TRY_TOGETHER


@pytest.mark.parametrize(
    ("dialect", "keys"),
    [
        ("dehydrated", ["chain", "chain-withdraw"]),
        ("native", ["together", "together-withdraw"]),
        ("lego", []),
        ("certbot", []),
    ],
)
def test_the_other_way_to_publish_two_values(dialect: str, keys: list[str]) -> None:
    assert [step.key for step in steps.trial(dialect)] == keys


def test_no_step_tried_is_no_step_passed() -> None:
    assert not passed([])
    assert passed([Result("publish", Level.WARNING), Result("second", Level.SKIPPED)])
    assert not passed([Result("publish", Level.FAILED)])


def test_a_handler_can_be_used_if_nothing_is_left_and_no_signal_came() -> None:
    fine = Summary((Result("publish", Level.PASSED), Result("again", Level.WARNING)))
    assert fine.ok
    assert not replace(fine, left=(made("first"),)).ok
    assert not replace(fine, interrupted="SIGINT").ok
    assert [fine.count(one) for one in Level] == [1, 1, 0, 0]


# --- wrong use ---


def built(*words: str) -> command_line.Setting:
    parser = argparse.ArgumentParser()
    arguments(parser)
    return command_line.build(parser.parse_args(words), "/nonexistent")


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("/bin/true",), ["--domain"]),
        (("--domain", "a.test"), ["HANDLER"]),
        (("/bin/true", "--domain", "a b"), ["--domain", "'a b'"]),
        (("/bin/true", "--domain", "a.test", "--dialect", "lgeo"), ["-dialect", "'lgeo'", "lego"]),
        (("/bin/true", "--domain", "a.test", "--dialect", "lego", "--type", "http-01"), ["--type", "lego", "dns-01"]),
        (("/bin/true", "--domain", "a.test", "--type", "dns-02"), ["--type", "'dns-02'", "dns-01"]),
        (("/bin/true", "--domain", "192.0.2.1", "--type", "dns-01"), ["192.0.2.1", "http-01"]),
        (("/bin/true", "--domain", "a.test", "--dialect", "certbot"), ["certbot", "--cleanup-handler"]),
        (("/bin/true", "--domain", "a.test", "--hook-chain", "yes"), ["-hook-chain", "native", "dehydrated"]),
        (("/bin/true", "--domain", "a.test", "--nameserver", "a:b:c"), ["-verify-nameservers", "'a:b:c'"]),
        (("/bin/true", "--domain", "a.test", "--verify-timeout", "soon"), ["-verify-timeout", "'soon'"]),
        (("/bin/true", "--domain", "a.test", "--https-port", "0"), ["--https-port", "'0'", "65535"]),
        (("/bin/true", "--domain", "a.test", "--http-01-port", "65536"), ["--http-01-port", "'65536'"]),
        (("/bin/true", "--domain", "a.test", "--timeout", "-1"), ["-timeout", "'-1'"]),
    ],
)
def test_wrong_use_is_refused_with_the_flag_and_the_value(words: tuple[str, ...], facts: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        built(*words)
    (problem,) = raised.value.problems
    assert [fact for fact in facts if fact not in problem] == []


def test_the_flags_that_were_typed_are_taken() -> None:
    found = built(
        "/bin/true --now", "-d", "*.A.test.", "--nameserver", "192.0.2.1,ns1.test:5353", "--nameserver", "::1"
    )
    assert found.context.words == ("/bin/true", "--now")
    assert found.identifier == "a.test"
    assert found.challenge_type == "dns-01"
    assert found.place == "_acme-challenge.a.test"
    assert list(map(str, found.context.settings.verify_nameservers)) == ["192.0.2.1:53", "ns1.test:5353", "[::1]:53"]
    assert (found.policy.timeout, built("/bin/true", "-d", "a.test", "--verify-timeout", "0").policy.timeout) == (
        30.0,
        0.0,
    )
    address = built("/bin/true", "-d", "192.0.2.1", "--http-01-port", "8080", "--https-port", "65535")
    assert (address.identifier_type, address.challenge_type, address.place) == ("ip", "http-01", "192.0.2.1")
    assert (address.context.http_port, address.context.tls_port) == (8080, 65535)


def test_wrong_use_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "/bin/true"]) == 2
    assert "--domain" in capsys.readouterr().err
