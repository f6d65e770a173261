"""What `check` prints: a line of JSON for each step, or a mark for a person."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check import report, verdict, wording
from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.patience import Waiting, Wanted
from certbot_external_auth.check.results import Both, Level, Result, Stays, Summary, Works
from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.verdict import Decision

DNS = Challenge("first", "dns-01", "a.test", "dns", "token", "token.thumbprint")
SEEN = Observation(
    "_acme-challenge.a.test", "ns1.a.test", "192.0.2.1:53", Outcome.OTHER_VALUES, ("x",), 0.12345, "d", "q", "a.test"
)
SIGHT = Sight(Decision.FAIL, True, (SEEN,), (DNS,), (), (SEEN,))
FAILED = Result("publish", Level.FAILED, sight=SIGHT, output=("line 1", "line 2"), seconds=1.23456)


class File(io.StringIO):
    """A file of text with an encoding of its own."""

    encoding = "utf-8"


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")


def lines(
    result: Result | Summary, kind: type[report.Report] = report.TextReport, encoding: str = "utf-8"
) -> list[str]:
    file = File()
    file.encoding = encoding
    writing = kind(file)
    writing.step(result) if isinstance(result, Result) else writing.end(result)
    assert writing.lost == ""
    return file.getvalue().splitlines()


def test_a_step_as_json() -> None:
    (line,) = lines(FAILED, report.JsonReport)
    found = json.loads(line)
    words = {"title": wording.TITLES["publish"], "expected": wording.EXPECTED["publish"], "seen": wording.seen(FAILED)}
    assert found == {
        "format_version": "1.0",
        "kind": "step",
        "step": "publish",
        **words,
        "result": "failed",
        "reasons": [],
        "change": "",
        "output": ["line 1", "line 2"],
        "observations": [
            {
                "place": "_acme-challenge.a.test",
                "server": "ns1.a.test",
                "address": "192.0.2.1:53",
                "outcome": "other_values",
                "seen": ["x"],
                "seconds": 0.123,
                "detail": "d",
                "asked": "q",
                "zone": "a.test",
            }
        ],
        "seconds": 1.235,
    }
    (line,) = lines(Result("start", Level.PASSED), report.JsonReport)
    assert json.loads(line)["observations"] == []


def test_the_summary_as_json() -> None:
    results = (FAILED, Result("keep", Level.SKIPPED), Result("start", Level.PASSED), Result("dash", Level.WARNING))
    works, during = Works(True, Both.CHAIN, Stays.MAKES_ROOM), Waiting("publish", Wanted.HANDLER, None)
    (line,) = lines(Summary((*results, FAILED), (DNS,), "SIGTERM", works, during=during), report.JsonReport)
    assert json.loads(line) == {
        "format_version": "1.0",
        "kind": "summary",
        "ok": False,
        "passed": 1,
        "warning": 1,
        "failed": 2,
        "skipped": 1,
        "left": [DNS.description],
        "interrupted": "SIGTERM",
        "during": "publish",
        "single": True,
        "with_wildcard": "chain",
        "stays": "makes_room",
    }


@pytest.mark.parametrize(
    ("level", "mark", "plain"),
    [
        (Level.PASSED, "✓", "ok  "),
        (Level.WARNING, "!", "warn"),
        (Level.FAILED, "✗", "FAIL"),
        (Level.SKIPPED, "-", "skip"),
    ],
)
def test_a_mark_that_every_terminal_can_show(
    level: Level, mark: str, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = Result("start", level)
    title = wording.TITLES["start"]
    assert lines(result)[0].startswith(f"{mark} {title}")
    assert lines(result, encoding="ascii")[0].startswith(f"{plain} {title}")
    monkeypatch.setenv("TERM", "dumb")
    assert lines(result)[0].startswith(f"{plain} {title}")


def test_a_step_that_did_not_pass_says_what_was_expected_and_what_was_there() -> None:
    first, *more = lines(FAILED)
    assert first == f"✗ {wording.TITLES['publish']}"
    assert [line[:14] for line in more if not line.startswith((" " * 14, "      |"))] == [
        f"    {label:<10}" for label in ("expected:", "seen:")
    ]
    assert more[-2:] == ["      | line 1", "      | line 2"]
    assert all(len(line) <= 60 for line in more)
    text = " ".join(" ".join(more).split())
    assert wording.EXPECTED["publish"] in text
    assert lines(Result("keep", Level.SKIPPED)) == [f"- {wording.TITLES['keep']}: not tried"]


@pytest.mark.parametrize(("columns", "width"), [("10", 40), ("80", 80), ("500", 120)])
def test_lines_are_as_wide_as_the_terminal_within_limits(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    file = File()
    report.TextReport(file)._paragraph("seen", "word " * 100)
    assert max(map(len, file.getvalue().splitlines())) in range(width - 5, width + 1)


def test_what_stays_is_named_and_signals_are() -> None:
    found = lines(Summary((FAILED,), (DNS,)))
    assert found == [verdict.verdict(Summary((FAILED,), (DNS,))), verdict.left(DNS)]
    file = File()
    writing = report.TextReport(file)
    writing.cleaning("SIGINT")
    writing.cleaning(None)
    assert [line.startswith("SIGINT: ") for line in file.getvalue().splitlines()] == [True, False]


def broken(path: str) -> Any:
    return open(path, "w", encoding="utf-8", buffering=1)


def test_a_report_that_is_lost_does_not_end_the_trial() -> None:
    with broken("/dev/full") as file:
        writing = report.JsonReport(file)
        writing.step(FAILED)
        assert writing.lost == os.strerror(28)
        # Nothing is left for Python to write when it ends.
        file.flush()


def test_a_reader_that_went_away_loses_nothing(tmp_path: Path) -> None:
    reading, written = os.pipe()
    os.close(reading)
    with open(written, "w", encoding="utf-8") as file:
        writing = report.TextReport(file)
        writing.step(FAILED)
        assert writing.lost == ""


def test_what_an_encoding_does_not_have_is_replaced() -> None:
    file = File()
    file.encoding = "ascii"
    report.TextReport(file).step(Result("publish", Level.FAILED, output=("ü",)))
    assert file.getvalue().splitlines()[-1] == "      | ?"
