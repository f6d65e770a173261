"""The rehearsal's pure parts: made-up challenges, the plan, what is seen and what follows from it."""

from __future__ import annotations

import argparse
import io
import itertools

import pytest

from certbot_external_auth import cli
from certbot_external_auth.challenges import TYPES, Challenge, guard
from certbot_external_auth.check import advice, arguments, made_up, setting, steps
from certbot_external_auth.check.looking import Sight, Wish
from certbot_external_auth.check.report import Summary, TextReport
from certbot_external_auth.check.results import Level, Result, level, passed
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
        found = made_up.challenge("first", kind, "a.test", "dns", dashed)
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


def test_two_values_at_a_name_are_for_dns_01_alone() -> None:
    for kind in TYPES:
        most = max(len(step.present) for step in steps.plan(kind, chain=False))
        assert most == (2 if kind == "dns-01" else 1)


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


def test_a_server_that_is_gone_with_its_challenge_is_as_wished_but_no_name_server_is() -> None:
    refused = observation(Outcome.CONNECTION_REFUSED)
    assert Wish((), (made("first", "http-01"),)).turned(refused).outcome is Outcome.MATCH
    assert Wish((), (made("first"),)).turned(refused).outcome is Outcome.CONNECTION_REFUSED


@pytest.mark.parametrize(
    ("kind", "told"),
    [("dns-01", "other values: x"), ("http-01", "wrong content: x"), ("tls-alpn-01", "wrong certificate: x")],
)
def test_what_should_be_gone_is_told_as_what_is_not_wished_for(kind: str, told: str) -> None:
    gone = Wish((), (made("first", kind),))
    assert advice.observed(gone.shown(observation(Outcome.MATCH, "x"))).endswith(told)
    assert gone.shown(observation(Outcome.NO_RECORD)).outcome is Outcome.NO_RECORD


STEPS = {
    step.key: step for step in (*steps.plan("dns-01", chain=False), *steps.trial("dehydrated"), *steps.trial("native"))
}
RIGHT = Sight(Decision.GO_ON, answered=True)
PARTLY = Sight(Decision.WARN, answered=True)
SILENT = Sight(Decision.WARN, answered=False)
LEFT = Sight(Decision.FAIL, answered=True, left=(made("first"),))
LOST = Sight(Decision.FAIL, answered=True, missing=(made("second"),))


@pytest.mark.parametrize(
    ("key", "failures", "sight", "trial", "expected"),
    [
        ("publish", (), RIGHT, False, Level.PASSED),
        ("publish", (), PARTLY, False, Level.WARNING),
        ("publish", (), SILENT, False, Level.FAILED),
        ("publish", (FAILURE,), None, False, Level.FAILED),
        ("second", (), LOST, False, Level.FAILED),
        ("second", (), LOST, True, Level.WARNING),
        ("second", (FAILURE,), None, True, Level.WARNING),
        ("chain", (), LOST, False, Level.FAILED),
        ("keep", (), LOST, False, Level.WARNING),
        ("keep", (), LEFT, False, Level.FAILED),
        ("withdraw", (), RIGHT, False, Level.PASSED),
        ("withdraw", (FAILURE,), RIGHT, False, Level.WARNING),
        ("withdraw", (FAILURE,), LEFT, False, Level.FAILED),
        ("withdraw", (), SILENT, False, Level.WARNING),
        ("again", (FAILURE,), RIGHT, False, Level.WARNING),
        ("again", (), LEFT, False, Level.WARNING),
        ("dash", (), LOST, False, Level.FAILED),
    ],
)
def test_what_keeps_a_certificate_from_being_issued_or_stays_published_fails(
    key: str, failures: tuple[Failure, ...], sight: Sight | None, trial: bool, expected: Level
) -> None:
    assert level(STEPS[key], failures, sight, trial) is expected
    if expected is not Level.PASSED:
        assert advice.change(STEPS[key], failures, sight, made("second"), "dehydrated", None, trial)


def test_nothing_tried_is_nothing_passed() -> None:
    assert not passed([])
    assert passed([Result("a", "a", Level.WARNING, "x"), Result("b", "b", Level.SKIPPED, "x")])
    assert not passed([Result("a", "a", Level.FAILED, "x")])


def test_an_observation_names_the_server_once() -> None:
    assert advice.observed(observation(Outcome.OTHER_VALUES, "x")) == "ns1.a.test 192.0.2.1:53: other values: x"
    bare = Observation("n", "2001:db8::1", "[2001:db8::1]:53", Outcome.REFUSED)
    assert advice.observed(bare) == "[2001:db8::1]:53: refused"
    nowhere = Observation("n", "a.test", "", Outcome.NO_SUCH_NAME)
    assert advice.observed(nowhere) == "a.test: no such name"


def test_text_that_a_terminal_cannot_show_does_not_end_the_report() -> None:
    raw = io.BytesIO()
    report = TextReport(io.TextIOWrapper(raw, encoding="ascii"))
    report.step(Result("publish", "publish", Level.FAILED, "x", seen="größer", output=("…",)))
    report.end(Summary((), ("é",)))
    assert raw.getvalue().decode("ascii").startswith("FAIL publish\n    expected: x\n")


# --- wrong use ---


def built(*words: str) -> setting.Setting:
    parser = argparse.ArgumentParser()
    arguments(parser)
    return setting.build(parser.parse_args(words), "/nonexistent")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("/bin/true",), "Name a domain of your own with --domain"),
        (("--domain", "a.test"), "Name the handler: certbot-external-auth check HANDLER --domain NAME"),
        (("/bin/true", "--domain", "a b"), "--domain: 'a b' is no domain"),
        (("/bin/true", "--domain", "a.test", "--dialect", "lgeo"), "did you mean lego?"),
        (("/bin/true", "--domain", "a.test", "--dialect", "lego", "--type", "http-01"), "--type: the dialect lego"),
        (("/bin/true", "--domain", "a.test", "--type", "dns-02"), "--type: 'dns-02' is not known;"),
        (("/bin/true", "--domain", "192.0.2.1", "--type", "dns-01"), "192.0.2.1: an address"),
        (("/bin/true", "--domain", "a.test", "--dialect", "certbot"), "--cleanup-handler"),
        (("/bin/true", "--domain", "a.test", "--hook-chain", "yes"), "--external-auth-hook-chain yes"),
        (("/bin/true", "--domain", "a.test", "--nameserver", "a:b:c"), "verify-nameservers: 'a:b:c'"),
        (("/bin/true", "--domain", "a.test", "--verify-timeout", "soon"), "--external-auth-verify-timeout: 'soon'"),
        (("/bin/true", "--domain", "a.test", "--https-port", "0"), "--https-port: '0'"),
        (("/bin/true", "--domain", "a.test", "--timeout", "-1"), "--external-auth-timeout: '-1'"),
    ],
)
def test_wrong_use_names_the_flag(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        built(*words)
    assert sentence in str(raised.value)


def test_what_was_typed_is_taken() -> None:
    found = built(
        "/bin/true --now", "-d", "*.A.test.", "--nameserver", "192.0.2.1,ns1.test:5353", "--nameserver", "::1"
    )
    assert found.context.words == ("/bin/true", "--now")
    assert found.identifier == "a.test"
    assert found.challenge_type == "dns-01"
    assert list(map(str, found.context.settings.verify_nameservers)) == ["192.0.2.1:53", "ns1.test:5353", "[::1]:53"]
    assert (found.patience, built("/bin/true", "-d", "a.test", "--verify-timeout", "0").patience) == (120.0, 0.0)
    address = built("/bin/true", "-d", "192.0.2.1")
    assert (address.identifier_type, address.challenge_type) == ("ip", "http-01")


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["check", "--help"])
    assert raised.value.code == 0
    assert "example:\n  certbot-external-auth check /etc/" in capsys.readouterr().out


def test_wrong_use_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "/bin/true"]) == 2
    assert "--domain" in capsys.readouterr().err
