"""Whole trials of real hooks. Their records are lines of a file, which stands in for the name server."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check import arguments, command_line, patience, trial
from certbot_external_auth.check.advice import Kind
from certbot_external_auth.check.handler_output import MAX_LINES, HandlerOutput
from certbot_external_auth.check.patience import Waiting, Wanted
from certbot_external_auth.check.report import Report
from certbot_external_auth.check.results import Both, Level, Result, Stays, Summary, Works
from certbot_external_auth.errors import UsageError
from certbot_external_auth.signals.interruption import raising_interrupted
from certbot_external_auth.visibility import Clue, Expectation, Observation, Outcome

HOOK = """#!/bin/sh
add() { echo "$1" >>"$ZONE"; }
remove() { grep -qxF -e "$1" "$ZONE" && { grep -vxF -e "$1" "$ZONE" >"$ZONE.new"; mv "$ZONE.new" "$ZONE"; }; }
"""
GOOD = {"deploy_challenge": 'add "$4"', "clean_challenge": 'remove "$4" || :'}
THEIRS = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
"""A value that an order may need."""
ORDER = ["start", "before", "publish", "second", "keep", "withdraw", "again", "dash", "dash-withdraw"]


class Zone:
    """The file, and what a name server would answer from it. It is the verification of a run, too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.observer = self
        self.silent = False
        self.half_silent = False

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(self.path.read_text().splitlines())

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        silent = Observation("_acme-challenge.a.test", "ns2.a.test", "192.0.2.2:53", Outcome.TIMEOUT)
        return [self._observation(one) for one in expectations] + ([silent] if self.half_silent else [])

    def _observation(self, expectation: Expectation) -> Observation:
        if self.silent:
            return Observation(expectation.place, "ns1.a.test", "192.0.2.1:53", Outcome.TIMEOUT)
        complete = set(expectation.values) <= set(self.values)
        outcome = Outcome.MATCH if complete else Outcome.OTHER_VALUES if self.values else Outcome.NO_RECORD
        return Observation(expectation.place, "ns1.a.test", "192.0.2.1:53", outcome, self.values)

    def aliased(self, challenges: Sequence[Challenge]) -> list[Challenge]:
        return list(challenges)

    def reasons(self, wanted: Sequence[Expectation], observations: Sequence[Observation]) -> list[str]:
        return []

    def explain(self, wanted: Sequence[Expectation], seen: Sequence[Observation], until: float) -> list[Clue]:
        return []


class Collected(Report):
    """The results, as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, Result] = {}
        self.cleaned: list[str | None] = []
        self.waited: list[Waiting] = []
        self.while_cleaning: Callable[[], None] = lambda: None
        self.while_waiting: Callable[[], None] = lambda: None

    def waiting(self, waiting: Waiting) -> None:
        self.waited.append(waiting)
        self.while_waiting()

    def step(self, result: Result) -> None:
        self.results[result.key] = result

    def cleaning(self, signal_name: str | None) -> None:
        self.cleaned.append(signal_name)
        self.while_cleaning()


Check = Callable[..., tuple[Summary, Collected]]


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zone:
    found = Zone(tmp_path / "zone")
    found.path.touch()
    monkeypatch.setattr(trial, "_verification", lambda context: found)
    monkeypatch.setenv("ZONE", str(found.path))
    return found


@pytest.fixture
def check(zone: Zone, tmp_path: Path) -> Check:
    """Check a hook that works, except for the operations whose bodies are given; or a whole script."""

    def run(
        *words: str,
        script: str = "",
        while_cleaning: Callable[[], None] = lambda: None,
        while_waiting: Callable[[], None] = lambda: None,
        **bodies: str,
    ) -> tuple[Summary, Collected]:
        hook = tmp_path / "hook"
        cases = "".join(f"{operation})\n{body}\n;;\n" for operation, body in {**GOOD, **bodies}.items())
        hook.write_text(script or f"{HOOK}case $1 in\n{cases}esac\n")
        hook.chmod(0o755)
        parser = argparse.ArgumentParser()
        arguments(parser)
        given = ["--domain", "a.test", "--dialect", "dehydrated", "--verify-timeout", "0", *words]
        report = Collected()
        report.while_cleaning, report.while_waiting = while_cleaning, while_waiting
        with raising_interrupted():
            built = command_line.build(parser.parse_args([str(hook), *given]), str(tmp_path / "work"))
            return trial.Trial(built, report).run(), report

    return run


def faults(summary: Summary) -> dict[str, list[Kind]]:
    """The steps that did not pass, and what is to be changed."""
    return {
        result.key: [one.kind for one in result.advice]
        for result in summary.results
        if result.level in (Level.WARNING, Level.FAILED)
    }


def test_a_good_hook_passes_and_leaves_nothing(check: Check, zone: Zone) -> None:
    summary, report = check()
    assert [result.key for result in summary.results] == ORDER
    assert {result.level for result in summary.results} == {Level.PASSED}
    assert summary.ok
    assert zone.values == ()
    assert report.cleaned == []
    assert [result.output for result in summary.results] == [()] * len(ORDER)


@pytest.mark.parametrize(
    ("body", "ok", "expected"),
    [
        (
            {"deploy_challenge": 'echo "$4" >"$ZONE"'},
            True,
            {
                "second": [Kind.REPLACES, Kind.KEEP_BOTH, Kind.TRY_CHAIN],
                "chain": [Kind.IGNORES_CHAIN, Kind.KEEP_BOTH],
            },
        ),
        ({"clean_challenge": ': >"$ZONE"'}, True, {"keep": [Kind.REMOVES_ALL]}),
        ({"clean_challenge": 'remove "$4"'}, True, {"again": [Kind.FIX, Kind.FAILS_WHEN_GONE]}),
        (
            {"clean_challenge": 'remove "$4"; echo hm; exit 1'},
            True,
            {
                "keep": [Kind.FAILS_AFTER_WORK],
                "withdraw": [Kind.FAILS_AFTER_WORK],
                "again": [Kind.FAILS_WHEN_GONE],
                "dash-withdraw": [Kind.FIX, Kind.FAILS_AFTER_WORK],
            },
        ),
        ({"deploy_challenge": 'case $4 in -*) ;; *) add "$4" ;; esac'}, False, {"dash": [Kind.DASH_IS_NO_OPTION]}),
        ({"deploy_challenge": ":"}, False, {"publish": [Kind.NOT_PUBLISHED]}),
        ({"deploy_challenge": "echo add it\nread answer || :"}, False, {"publish": [Kind.ASKS_A_PERSON]}),
        ({"deploy_challenge": "echo why >&2; exit 1"}, False, {"publish": [Kind.SEE_OUTPUT]}),
    ],
)
def test_a_fault_is_found_and_what_to_change_is_said(
    check: Check, zone: Zone, body: dict[str, str], ok: bool, expected: dict[str, list[Kind]]
) -> None:
    summary, _ = check(**body)
    assert summary.ok is ok
    assert zone.values == ()
    assert faults(summary) == expected


def test_what_depends_on_a_failed_step_is_skipped(check: Check) -> None:
    summary, report = check(deploy_challenge=":")
    skipped = [result.key for result in summary.results if result.level is Level.SKIPPED]
    assert skipped == ["second", "keep", "withdraw", "again", "dash", "dash-withdraw"]
    # The handler may have published where nobody looked.
    assert report.cleaned == [None]


def test_a_hook_that_removes_nothing_leaves_what_it_published(check: Check, zone: Zone) -> None:
    summary, report = check(clean_challenge=":")
    assert faults(summary) == {
        "keep": [Kind.NOT_REMOVED],
        "withdraw": [Kind.NOT_REMOVED],
        "stays": [Kind.LEAVES],
        "dash-withdraw": [Kind.LEAVES],
    }
    assert report.results["again"].level is Level.SKIPPED
    assert sorted(challenge.validation for challenge in summary.left) == sorted(zone.values)
    assert len(zone.values) == 4
    assert summary.works == Works(single=True, both=Both.YES, stays=Stays.COLLECTS)
    assert not summary.ok


# --- what works, and what does not ---

ROLLING = {
    "deploy_challenge": 'add "$4"; tail -n 2 "$ZONE" >"$ZONE.new"; mv "$ZONE.new" "$ZONE"',
    "clean_challenge": ":",
}
"""As a hook for acme-dns: the name always has the last two values, and nothing is removed."""
ONE_VALUE = {"deploy_challenge": 'echo "$4" >"$ZONE"'}
WITH_WILDCARD = ("--domain", "*.a.test")


def test_values_that_make_room_leave_no_more_behind(check: Check, zone: Zone) -> None:
    summary, _ = check(*WITH_WILDCARD, **ROLLING)
    assert faults(summary) == {
        "keep": [Kind.NOT_REMOVED],
        "withdraw": [Kind.NOT_REMOVED],
        "dash-withdraw": [Kind.MAKES_ROOM],
    }
    assert summary.works == Works(single=True, both=Both.YES, stays=Stays.MAKES_ROOM)
    assert sorted(challenge.validation for challenge in summary.left) == sorted(zone.values)
    assert summary.ok


def test_values_that_are_there_already_may_be_declared_as_of_no_use(check: Check, zone: Zone) -> None:
    """Lost: every second check of a hook for acme-dns."""
    check(**ROLLING)
    with pytest.raises(UsageError) as raised:
        check(**ROLLING)
    assert "--not-empty" in raised.value.problems[0]
    again, report = check("--not-empty", **ROLLING)
    assert [one.kind for one in report.results["before"].advice] == [Kind.OCCUPIED]
    assert again.works == Works(single=True, both=Both.YES, stays=Stays.MAKES_ROOM)
    assert again.ok


@pytest.mark.parametrize("wanted", [(), WITH_WILDCARD])
def test_one_value_at_a_name_is_enough_for_single_names(check: Check, wanted: tuple[str, ...]) -> None:
    summary, report = check(*wanted, **ONE_VALUE)
    assert summary.works == Works(single=True, both=Both.NO, stays=Stays.NOTHING)
    assert summary.ok is (not wanted)
    assert summary.only_two_values_fail is bool(wanted)
    assert Kind.KEEP_BOTH in [one.kind for one in report.results["second"].advice]


def test_one_value_that_is_never_removed_makes_room(check: Check) -> None:
    summary, _ = check(**ONE_VALUE, clean_challenge=":")
    assert summary.works == Works(single=True, both=Both.NO, stays=Stays.MAKES_ROOM)
    assert summary.ok


def test_a_placeholder_of_the_handler_does_not_stop_the_next_check(check: Check, zone: Zone) -> None:
    bodies = {**ONE_VALUE, "clean_challenge": 'remove "$4" && echo none >"$ZONE" || :'}
    summary, _ = check(**bodies)
    assert summary.works == Works(single=True, both=Both.NO, stays=Stays.PLACEHOLDER)
    assert summary.placeholders == ("none",)
    assert zone.values == ("none",)
    again, report = check(**bodies)
    assert report.results["before"].level is Level.WARNING
    assert [(one.kind, one.detail) for one in report.results["before"].advice] == [(Kind.PLACEHOLDER, "none")]
    assert again.ok


def test_a_chain_that_works_makes_up_for_a_value_that_was_replaced(check: Check, zone: Zone) -> None:
    every = 'while [ $# -gt 3 ]; do add "$4"; shift 3; done'
    summary, report = check(
        deploy_challenge=f': >"$ZONE"; {every}', clean_challenge='while [ $# -gt 3 ]; do remove "$4"; shift 3; done; :'
    )
    assert summary.ok
    assert report.results["second"].level is Level.WARNING
    assert [report.results[key].level for key in ("chain", "chain-withdraw")] == [Level.PASSED] * 2
    assert zone.values == ()


def test_output_is_told_apart_from_its_label(check: Check) -> None:
    """Guards against a line of the handler cut at its own colon."""
    summary, report = check(deploy_challenge="echo who: what: why; exit 1")
    assert not summary.ok
    assert report.results["publish"].output == ("deploy_challenge a.test: who: what: why",)


def test_a_hook_of_another_dialect_is_recognised_by_its_output(check: Check) -> None:
    """Its text says nothing, as with a binary. The label of the output is not output: it has dehydrated's own word."""
    summary, report = check(script="#!/bin/sh\necho CERTBOT_'DOMAIN is not set'\n")
    assert not summary.ok
    (advice,) = report.results["publish"].advice
    assert (advice.kind, advice.detail) == (Kind.OTHER_DIALECT, "certbot")


def test_a_name_with_records_is_not_touched(check: Check, zone: Zone) -> None:
    zone.path.write_text(f"{THEIRS}\n")
    with pytest.raises(UsageError) as raised:
        check()
    (problem,) = raised.value.problems
    assert [fact for fact in ("_acme-challenge.a.test", THEIRS, "--domain") if fact not in problem] == []
    assert zone.values == (THEIRS,)


def test_without_an_answer_nothing_is_published(check: Check, zone: Zone) -> None:
    zone.silent = True
    summary, _ = check()
    assert faults(summary) == {"before": [Kind.UNANSWERED]}
    assert [result.key for result in summary.results] == ["start", "before"]


@pytest.mark.parametrize(
    ("policy", "found"), [("auto", Level.WARNING), ("off", Level.WARNING), ("strict", Level.FAILED)]
)
def test_answers_are_judged_by_the_policy_of_the_run(check: Check, zone: Zone, policy: str, found: Level) -> None:
    """Only that a check always looks: without looking, it could say nothing."""
    zone.half_silent = True
    _, report = check("--external-auth-verify", policy)
    assert report.results["publish"].level is found


def test_a_file_that_cannot_be_started_is_not_called(check: Check, zone: Zone, tmp_path: Path) -> None:
    summary, _ = check("--env-file", str(tmp_path / "missing"))
    (result,) = summary.results
    assert (result.key, result.level) == ("start", Level.FAILED)
    assert str(tmp_path / "missing") in result.findings[0]


def test_a_handler_that_takes_long_is_waited_for_with_a_word(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, nothing was seen for five minutes. The handler goes on when the word was said, so it was said before."""
    monkeypatch.setattr(patience, "TELL_AFTER_SECONDS", 0.0)
    said = tmp_path / "said"
    summary, report = check(
        "--timeout", "60", while_waiting=said.touch, deploy_challenge=f'while ! [ -e {said} ]; do :; done; add "$4"'
    )
    assert summary.ok
    assert report.waited[0] == Waiting("publish", Wanted.HANDLER, 60.0)


def test_at_the_end_a_handler_is_waited_for_with_a_word_too(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "TELL_AFTER_SECONDS", 0.0)
    said = tmp_path / "said"

    def cleaning() -> None:
        said.unlink(missing_ok=True)

    _, report = check(
        "--timeout",
        "60",
        while_waiting=said.touch,
        while_cleaning=cleaning,
        deploy_challenge=":",
        clean_challenge=f"while ! [ -e {said} ]; do :; done",
    )
    assert report.waited[-1] == Waiting("withdraw", Wanted.HANDLER, 60.0)


def test_a_change_that_is_not_seen_at_once_is_waited_for_with_a_word(check: Check, zone: Zone) -> None:
    """Before, nothing was seen for two minutes. The value comes when the word was said."""

    def publish() -> None:
        zone.path.write_text((zone.path.parent / "value").read_text())

    summary, report = check(
        "--verify-timeout",
        "60",
        while_waiting=publish,
        deploy_challenge='[ -e "$ZONE.done" ] && add "$4" || { echo "$4" >"${ZONE%/*}/value"; : >"$ZONE.done"; }',
    )
    assert summary.ok
    assert report.waited == [Waiting("publish", Wanted.SERVERS, 60.0)]


def test_what_was_interrupted_is_known(check: Check, zone: Zone) -> None:
    handler, _ = check(deploy_challenge='add "$4"; kill -TERM $PPID; exec sleep 60')
    assert (handler.during and (handler.during.step, handler.during.wanted)) == ("publish", Wanted.HANDLER)
    servers, _ = check(
        "--verify-timeout",
        "60",
        deploy_challenge=":",
        while_waiting=lambda: os.kill(os.getpid(), signal.SIGINT),
    )
    assert (servers.during and (servers.during.step, servers.during.wanted)) == ("publish", Wanted.SERVERS)
    assert servers.interrupted == "SIGINT"


def test_a_signal_ends_the_steps_and_what_was_published_is_removed(check: Check, zone: Zone) -> None:
    # The shell hands the signal to its parent, which is the trial, and waits to be ended.
    summary, report = check(deploy_challenge='add "$4"; kill -TERM $PPID; exec sleep 60')
    assert summary.interrupted == "SIGTERM"
    assert (summary.left, zone.values) == ((), ())
    assert report.cleaned == ["SIGTERM"]
    assert not summary.ok
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_may_be_left_is_listed_if_no_server_answers_at_the_end(check: Check, zone: Zone) -> None:
    def silence() -> None:
        zone.silent = True

    summary, _ = check(deploy_challenge=":", while_cleaning=silence)
    assert [challenge.id for challenge in summary.left] == ["first"]
    assert not summary.ok


def test_handler_output_is_bounded_and_warnings_are_kept_apart(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "certbot_external_auth")
    output = HandlerOutput()
    for number in range(MAX_LINES + 3):
        output.hear("begin a.test", str(number))
    assert len(output.shown()) == MAX_LINES
    with output.listening():
        logging.getLogger("certbot_external_auth.processes.running").warning("It left %s.", "something")
        logging.getLogger("certbot_external_auth.processes.running").info("Not this.")
    logging.getLogger("certbot_external_auth.processes.running").debug("Nor this.")
    assert output.shown()[-1] == "It left something."
    assert output.printed()[-1] == str(MAX_LINES + 2)
    output.clear()
    assert (output.shown(), output.printed()) == ((), ())
