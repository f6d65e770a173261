"""The sentences of a trial's report."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from certbot_external_auth import cli
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check import made_up, steps, verdict, wording
from certbot_external_auth.check.advice import Advice, Kind
from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.patience import Waiting, Wanted
from certbot_external_auth.check.report import TextReport
from certbot_external_auth.check.results import Both, Level, Result, Stays, Summary, Works
from certbot_external_auth.errors import Failure
from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.verdict import Decision


def made(kind: str = "dns-01") -> Challenge:
    return made_up.challenge("first", kind, "a.test", "dns", dashed=False)


def observation(outcome: Outcome, *seen: str, address: str = "192.0.2.1:53") -> Observation:
    return Observation("_acme-challenge.a.test", "ns1.a.test", address, outcome, seen)


def sight(*observations: Observation, reasons: tuple[str, ...] = ()) -> Sight:
    return Sight(Decision.FAIL, True, observations, shown=observations, reasons=reasons)


@pytest.mark.parametrize("dialect", ["native", "dehydrated", "certbot", "lego"])
def test_every_step_has_a_title_and_says_what_is_expected(dialect: str) -> None:
    keys = {steps.STATIC, steps.BEFORE, steps.STAYS.key, *(step.key for step in steps.trial(dialect))}
    for kind in ("dns-01", "http-01"):
        keys |= {step.key for chain in (False, True) for step in steps.plan(kind, chain)}
    assert keys <= set(wording.TITLES)
    assert set(wording.TITLES) == set(wording.EXPECTED)


@pytest.mark.parametrize("challenge_type", ["dns-01", "http-01", "tls-alpn-01", "tls-sni-01"])
@pytest.mark.parametrize("kind", Kind)
def test_every_advice_is_whole_sentences(kind: Kind, challenge_type: str) -> None:
    text = wording.sentence(Advice(kind, made(challenge_type), "dehydrated", "Do it."))
    assert text[0].isupper()
    assert text.endswith((".", "--dialect Do it."))
    assert "None" not in text


def test_advice_names_where_the_value_is_and_belongs() -> None:
    challenge = replace(made(), txt_target="x.acme.test")
    removes = wording.sentence(Advice(Kind.REMOVES_ALL, challenge, "dehydrated"))
    assert "($4)" in removes
    assert 'update delete x.acme.test TXT "VALUE"' in removes
    assert "TXT record x.acme.test" in wording.sentence(Advice(Kind.NOT_PUBLISHED, challenge, "native"))
    assert "($cbot_validation)" in wording.sentence(Advice(Kind.LEAVES, challenge, "native"))
    assert "(" not in wording.sentence(Advice(Kind.LEAVES, made("http-01"), "native"))
    web = made("http-01")
    assert f"answer {web.uri} with" in wording.sentence(Advice(Kind.NOT_PUBLISHED, web, "native"))
    assert "protocol acme-tls/1" in wording.sentence(Advice(Kind.NOT_PUBLISHED, made("tls-alpn-01"), "native"))


def test_an_observation_names_the_server_once() -> None:
    assert wording.observed(observation(Outcome.OTHER_VALUES, "x")) == "ns1.a.test 192.0.2.1:53: 1 other value: x"
    bare = Observation("n", "2001:db8::1", "[2001:db8::1]:53", Outcome.REFUSED)
    assert wording.observed(bare) == "[2001:db8::1]:53: refused"
    nowhere = Observation("n", "a.test", "", Outcome.NO_SUCH_NAME)
    assert wording.observed(nowhere) == "a.test: no such name"


def test_what_was_seen_is_bounded() -> None:
    many = [observation(Outcome.NO_RECORD, address=f"192.0.2.{number}:53") for number in range(9)]
    text = wording.seen(Result("publish", Level.FAILED, sight=sight(*many)))
    assert text.count("no record") == 6
    assert text.endswith("; and 3 more")
    exactly = wording.seen(Result("publish", Level.FAILED, sight=sight(*many[:6])))
    assert exactly.count("no record") == 6
    assert "more" not in exactly
    assert wording.seen(Result("publish", Level.FAILED, sight=sight())) == "there was no server to ask"
    failure = Failure("The handler /h", "begin", ("a.test",), "exit code 1")
    assert wording.seen(Result("publish", Level.FAILED, failures=(failure,))) == "begin: exit code 1"
    assert wording.seen(Result("start", Level.FAILED, findings=("It is gone.", "Look."))) == "It is gone. Look."


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, " (asked 192.0.2.0:53)"), (2, " (asked 192.0.2.0:53, 192.0.2.1:53)"), (3, " (asked 3 addresses)")],
)
def test_few_addresses_are_named(count: int, text: str) -> None:
    seen = sight(*(observation(Outcome.MATCH, address=f"192.0.2.{number}:53") for number in range(count)))
    assert wording.asked(Result("publish", Level.PASSED, sight=seen)) == text


@pytest.mark.parametrize(
    ("levels", "text"),
    [
        ([], "No step was tried."),
        ([Level.PASSED, Level.WARNING], "1 passed, 1 warning: this handler can be used."),
        ([Level.WARNING] * 2, "2 warnings: this handler can be used."),
        ([Level.FAILED, Level.SKIPPED, Level.SKIPPED], "1 failed, 2 skipped: this handler cannot be used yet."),
    ],
)
def test_the_verdict(levels: list[Level], text: str) -> None:
    assert verdict.verdict(Summary(tuple(Result("publish", level) for level in levels))) == text


def test_a_handler_that_was_not_called_is_not_called_unusable() -> None:
    """Guards against: a fault of the handler, where no name server answered."""
    results = (Result("start", Level.PASSED), Result("before", Level.FAILED))
    said = verdict.verdict(Summary(results))
    assert "not known" in said
    assert "cannot be used" not in said


@pytest.mark.parametrize(
    ("works", "ok", "facts"),
    [
        (Works(True, Both.YES, Stays.NOTHING), True, []),
        (Works(True, Both.YES, Stays.MAKES_ROOM), True, ["wildcard: yes", "take their place"]),
        (Works(True, Both.NO, Stays.NOTHING), True, ["two certificates", "delegation", "because"]),
        (Works(True, Both.NO, Stays.NOTHING), False, ["two certificates", "delegation", "because"]),
        (Works(True, Both.CHAIN, Stays.NOTHING), True, ["--external-auth-hook-chain yes"]),
        (Works(True, Both.YES, Stays.PLACEHOLDER), True, ['"none"']),
        (Works(False, Both.NO, Stays.COLLECTS), False, ["wildcard: no", "more with every"]),
        (Works(True, None, None), True, []),
    ],
)
def test_what_works_is_said_unless_everything_does(works: Works, ok: bool, facts: list[str]) -> None:
    results = (Result("publish", Level.PASSED), Result("second", Level.WARNING if ok else Level.FAILED))
    summary = Summary(results, works=works, placeholders=("none",))
    text = "\n".join(verdict.works(summary))
    assert bool(text) is bool(facts)
    assert [fact for fact in facts if fact not in text] == []
    said = verdict.verdict(summary)
    assert ("can be used" in said) is (ok or summary.only_two_values_fail)
    assert ("wildcard" in said) is (works.both is Both.NO or not ok)


@pytest.mark.parametrize(
    ("waiting", "facts"),
    [
        (Waiting("publish", Wanted.HANDLER, 300.0), ["publish a value", "handler", "at most 300 seconds", "--timeout"]),
        (Waiting("publish", Wanted.HANDLER, None), ["without a limit"]),
        (Waiting("keep", Wanted.SERVERS, 1.0), ["remove the first value", "at most 1 second ", "--verify-timeout"]),
    ],
)
def test_what_is_waited_for_and_what_was_interrupted(waiting: Waiting, facts: list[str]) -> None:
    text = wording.waiting(waiting)
    assert [fact for fact in facts if fact not in text] == []
    summary = Summary((Result("start", Level.PASSED),) * 2, interrupted="SIGINT", during=waiting)
    said = verdict.verdict(summary)
    for fact in ("SIGINT", wording.TITLES[waiting.step], "2 passed", "not known"):
        assert fact in said


def printed(*results: Result, summary: Summary | None = None, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    report = TextReport(io.TextIOWrapper(raw, encoding=encoding))
    for result in results:
        report.step(result)
    if summary is not None:
        report.end(summary)
    return raw.getvalue().decode(encoding)


def test_a_step_that_did_not_pass_has_more_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    seen = sight(observation(Outcome.NO_RECORD), reasons=("The zone is old.",))
    advice = (Advice(Kind.IGNORES_CHAIN, made()),)
    result = Result("chain", Level.FAILED, sight=seen, advice=advice, output=("deploy_challenge a.test: done",))
    assert printed(result) == (
        "✗ publish two values at the same name in one call\n"
        "    expected: both are visible\n"
        "    seen:     ns1.a.test 192.0.2.1:53: no record\n"
        "    reason:   The zone is old.\n"
        "    change:   The handler does not support chains: it used only the first value of the call.\n"
        "      | deploy_challenge a.test: done\n"
    )
    passed = replace(result, level=Level.PASSED, advice=(), output=())
    assert printed(passed) == (
        "✓ publish two values at the same name in one call: both are visible (asked 192.0.2.1:53)\n"
    )
    assert printed(Result("keep", Level.SKIPPED)) == "- remove the first value: not tried\n"


def test_no_line_of_the_end_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    waiting = Waiting("publish", Wanted.SERVERS, 120.0)
    summary = Summary(
        (Result("publish", Level.PASSED),), interrupted="SIGINT", during=waiting, works=Works(True, Both.NO, None)
    )
    text = printed(summary=summary)
    assert max(map(len, text.splitlines())) <= 60
    assert " ".join(text.split()).startswith(verdict.verdict(summary))


def test_text_that_a_terminal_cannot_show_does_not_end_the_report() -> None:
    result = Result("publish", Level.FAILED, findings=("größer",), output=("…",))
    challenge = replace(made(), txt_target="é.test")
    text = printed(result, summary=Summary((result,), (challenge,)), encoding="ascii")
    assert text.startswith("FAIL publish a value\n    expected: it is visible\n    seen:     gr??er\n      | ?\n")
    assert text.endswith(f'remove it by hand: the TXT record ?.test. "{challenge.validation}"\n')


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["check", "--help"])
    assert raised.value.code == 0
    assert "example:\n  certbot-external-auth check /etc/" in capsys.readouterr().out
