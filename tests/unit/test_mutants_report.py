"""What `make mutants` reports: every mutant of a sample is counted, and none is dropped without a word."""

from __future__ import annotations

from collections import Counter

import pytest

from mutants import equivalent, report
from mutants.mutant import Mutant
from mutants.report import KILLED, SURVIVED, Tried


def tried(path: str, after: str, outcome: str) -> Tried:
    return Tried(Mutant(f"certbot_external_auth/{path}", 3, 1, "x = 1", after, ""), outcome, "")


def test_a_mutant_that_cannot_be_noticed_is_listed_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(equivalent.REASONS, ("dialects/a.py", "x = 1", "x = 3"), "nothing reads it")
    found = report.table(
        [
            tried("dialects/a.py", "x = 2", KILLED),
            tried("dialects/a.py", "x = 3", SURVIVED),
            tried("text.py", "x = 4", SURVIVED),
        ],
        Counter({"words": 5}),
        99,
    )
    assert [tuple(row.cells) for row in found.rows] == [
        ("dialects", 2, 1, 1, 0, "100.0 %"),
        ("text", 1, 1, 0, 1, "0.0 %"),
        ("**all**", 3, 2, 1, 1, "50.0 %"),
    ]
    assert found.verdict == "1 of 2 meaningful mutants killed, 50.0 %"
    notes = "\n".join(found.notes)
    assert "99 mutants" in notes
    assert "words: 5" in notes
    assert "Survivors (1):\n```\ntext.py:3: x = 1 → x = 4\n```\n" in notes
    assert "dialects/a.py:3: x = 1 → x = 3   # nothing reads it\n" in notes


def test_a_mutant_that_was_killed_counts_whatever_the_list_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: an entry of the list that was wrong, or is so since the code changed."""
    monkeypatch.setitem(equivalent.REASONS, ("text.py", "x = 1", "x = 2"), "nothing reads it")
    assert report.table([tried("text.py", "x = 2", KILLED)], Counter(), 1).verdict.startswith("1 of 1 ")
