"""Whole rehearsals of real hooks. Their records are lines of a file, which stands in for the name server."""

from __future__ import annotations

import argparse
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check import arguments, command_line, rehearsal
from certbot_external_auth.check.advice import Kind
from certbot_external_auth.check.handler_output import MAX_LINES, HandlerOutput
from certbot_external_auth.check.report import Report
from certbot_external_auth.check.results import Level, Result, Summary
from certbot_external_auth.errors import UsageError
from certbot_external_auth.signals.interruption import raising_interrupted
from certbot_external_auth.visibility import Clue, Expectation, Observation, Outcome

HOOK = """#!/bin/sh
add() { echo "$1" >>"$ZONE"; }
remove() { grep -qxF -e "$1" "$ZONE" && { grep -vxF -e "$1" "$ZONE" >"$ZONE.new"; mv "$ZONE.new" "$ZONE"; }; }
"""
GOOD = {"deploy_challenge": 'add "$4"', "clean_challenge": 'remove "$4" || :'}
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
        self.while_cleaning: Callable[[], None] = lambda: None

    def step(self, result: Result) -> None:
        self.results[result.key] = result

    def cleaning(self, signal_name: str | None) -> None:
        self.cleaned.append(signal_name)
        self.while_cleaning()


Rehearse = Callable[..., tuple[Summary, Collected]]


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zone:
    found = Zone(tmp_path / "zone")
    found.path.touch()
    monkeypatch.setattr(rehearsal, "_verification", lambda context: found)
    monkeypatch.setenv("ZONE", str(found.path))
    return found


@pytest.fixture
def rehearse(zone: Zone, tmp_path: Path) -> Rehearse:
    """Rehearse a hook that works, except for the operations whose bodies are given; or a whole script."""

    def run(
        *words: str, script: str = "", while_cleaning: Callable[[], None] = lambda: None, **bodies: str
    ) -> tuple[Summary, Collected]:
        hook = tmp_path / "hook"
        cases = "".join(f"{operation})\n{body}\n;;\n" for operation, body in {**GOOD, **bodies}.items())
        hook.write_text(script or f"{HOOK}case $1 in\n{cases}esac\n")
        hook.chmod(0o755)
        parser = argparse.ArgumentParser()
        arguments(parser)
        given = ["--domain", "a.test", "--dialect", "dehydrated", "--verify-timeout", "0", *words]
        report = Collected()
        report.while_cleaning = while_cleaning
        with raising_interrupted():
            built = command_line.build(parser.parse_args([str(hook), *given]), str(tmp_path / "work"))
            return rehearsal.Rehearsal(built, report).run(), report

    return run


def faults(summary: Summary) -> dict[str, list[Kind]]:
    """The steps that did not pass, and what is to be changed."""
    return {
        result.key: [one.kind for one in result.advice]
        for result in summary.results
        if result.level in (Level.WARNING, Level.FAILED)
    }


def test_a_good_hook_passes_and_leaves_nothing(rehearse: Rehearse, zone: Zone) -> None:
    summary, report = rehearse()
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
            False,
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
    rehearse: Rehearse, zone: Zone, body: dict[str, str], ok: bool, expected: dict[str, list[Kind]]
) -> None:
    summary, _ = rehearse(**body)
    assert summary.ok is ok
    assert zone.values == ()
    assert faults(summary) == expected


def test_what_depends_on_a_failed_step_is_skipped(rehearse: Rehearse) -> None:
    summary, report = rehearse(deploy_challenge=":")
    skipped = [result.key for result in summary.results if result.level is Level.SKIPPED]
    assert skipped == ["second", "keep", "withdraw", "again", "dash", "dash-withdraw"]
    # The handler may have published where nobody looked.
    assert report.cleaned == [None]


def test_a_hook_that_removes_nothing_leaves_what_it_published(rehearse: Rehearse, zone: Zone) -> None:
    summary, _ = rehearse(clean_challenge=":")
    assert faults(summary)["keep"] == [Kind.LEAVES]
    assert sorted(challenge.validation for challenge in summary.left) == sorted(zone.values)
    assert len(zone.values) == 3
    assert not summary.ok


def test_a_chain_that_works_makes_up_for_a_value_that_was_replaced(rehearse: Rehearse, zone: Zone) -> None:
    every = 'while [ $# -gt 3 ]; do add "$4"; shift 3; done'
    summary, report = rehearse(
        deploy_challenge=f': >"$ZONE"; {every}', clean_challenge='while [ $# -gt 3 ]; do remove "$4"; shift 3; done; :'
    )
    assert summary.ok
    assert report.results["second"].level is Level.WARNING
    assert [report.results[key].level for key in ("chain", "chain-withdraw")] == [Level.PASSED] * 2
    assert zone.values == ()


def test_output_is_told_apart_from_its_label(rehearse: Rehearse) -> None:
    """Guards against a line of the handler cut at its own colon."""
    summary, report = rehearse(deploy_challenge="echo who: what: why; exit 1")
    assert not summary.ok
    assert report.results["publish"].output == ("deploy_challenge a.test: who: what: why",)


def test_a_hook_of_another_dialect_is_recognised_by_its_output(rehearse: Rehearse) -> None:
    """Its text says nothing, as with a binary. The label of the output is not output: it has dehydrated's own word."""
    summary, report = rehearse(script="#!/bin/sh\necho CERTBOT_'DOMAIN is not set'\n")
    assert not summary.ok
    (advice,) = report.results["publish"].advice
    assert (advice.kind, advice.detail) == (Kind.OTHER_DIALECT, "certbot")


def test_a_name_with_records_is_not_touched(rehearse: Rehearse, zone: Zone) -> None:
    zone.path.write_text("theirs\n")
    with pytest.raises(UsageError) as raised:
        rehearse()
    (problem,) = raised.value.problems
    assert [fact for fact in ("_acme-challenge.a.test", "theirs", "--domain") if fact not in problem] == []
    assert zone.values == ("theirs",)


def test_without_an_answer_nothing_is_published(rehearse: Rehearse, zone: Zone) -> None:
    zone.silent = True
    summary, _ = rehearse()
    assert faults(summary) == {"before": [Kind.UNANSWERED]}
    assert [result.key for result in summary.results] == ["start", "before"]


@pytest.mark.parametrize(
    ("policy", "found"), [("auto", Level.WARNING), ("off", Level.WARNING), ("strict", Level.FAILED)]
)
def test_answers_are_judged_by_the_policy_of_the_run(rehearse: Rehearse, zone: Zone, policy: str, found: Level) -> None:
    """Only that a check always looks: without looking, it could say nothing."""
    zone.half_silent = True
    _, report = rehearse("--external-auth-verify", policy)
    assert report.results["publish"].level is found


def test_a_file_that_cannot_be_started_is_not_called(rehearse: Rehearse, zone: Zone, tmp_path: Path) -> None:
    summary, _ = rehearse("--env-file", str(tmp_path / "missing"))
    (result,) = summary.results
    assert (result.key, result.level) == ("start", Level.FAILED)
    assert str(tmp_path / "missing") in result.findings[0]


def test_a_signal_ends_the_steps_and_what_was_published_is_removed(rehearse: Rehearse, zone: Zone) -> None:
    # The shell hands the signal to its parent, which is the rehearsal, and waits to be ended.
    summary, report = rehearse(deploy_challenge='add "$4"; kill -TERM $PPID; exec sleep 60')
    assert summary.interrupted == "SIGTERM"
    assert (summary.left, zone.values) == ((), ())
    assert report.cleaned == ["SIGTERM"]
    assert not summary.ok
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_may_be_left_is_listed_if_no_server_answers_at_the_end(rehearse: Rehearse, zone: Zone) -> None:
    def silence() -> None:
        zone.silent = True

    summary, _ = rehearse(deploy_challenge=":", while_cleaning=silence)
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
