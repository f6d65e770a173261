"""The section of docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from faults.table import Row, Table
from mutants.equivalent import REASONS
from mutants.mutant import Mutant

KILLED = "killed"
SURVIVED = "survived"
TITLE = "Changes that unit tests notice"
_INTRO = (
    "mutmut changes the package in one small place at a time: an operator, a constant, an argument, an assignment. "
    "Each of these mutants has the same chance to be in the sample. The unit tests that reach the change run against "
    "the mutant. They kill it if one of them fails, or if they do not end in time; a test that takes longer than a "
    "second must fail twice. The integration tests do not run here."
)


@dataclass(frozen=True)
class Tried:
    """:ivar by: what noticed it, or how much did not."""

    mutant: Mutant
    outcome: str
    by: str

    @property
    def reason(self) -> str:
        """Why nothing can notice a mutant that survived; empty if something could."""
        key = (self.mutant.path.partition("/")[2], self.mutant.before, self.mutant.after)
        return REASONS.get(key, "") if self.outcome == SURVIVED else ""


def table(tried: Sequence[Tried], left_out: Counter[str], pool: int) -> Table:
    rooms = sorted({one.mutant.room for one in tried})
    rows = [Row(True, _cells(room, [one for one in tried if one.mutant.room == room])) for room in rooms]
    _, _, meaning, killed, _, percent = _cells("all", tried)
    return Table(
        TITLE,
        _INTRO,
        ("room", "mutants", "meaningful", "killed", "survived", "killed of the meaningful"),
        [*rows, Row(True, _cells("**all**", tried))],
        [_left_out(left_out, pool), *_listed("Survivors", tried, ""), *_listed("Equivalent", tried, "reason")],
        said=f"{killed} of {meaning} meaningful mutants killed, {percent}",
        packages=("mutmut", "pytest", "coverage"),
        command="make mutants",
    )


def _cells(room: str, tried: Sequence[Tried]) -> tuple[object, ...]:
    meaning = [one for one in tried if not one.reason]
    killed = sum(one.outcome == KILLED for one in meaning)
    percent = f"{100 * killed / len(meaning):.1f} %" if meaning else ""
    return room, len(tried), len(meaning), killed, len(meaning) - killed, percent


def _left_out(left_out: Counter[str], pool: int) -> str:
    parts = "; ".join(f"{reason}: {count}" for reason, count in left_out.most_common())
    return (
        f"The sample is from {pool} mutants of the whole package. A rule leaves out others, because a test of facts "
        f"cannot notice them: {parts}. mutmut does not change docstrings, annotations, the fixed parts of f-strings, "
        "arguments of decorators, and calls of `len` and `isinstance`."
    )


def _listed(head: str, tried: Sequence[Tried], wanted: str) -> list[str]:
    chosen = [one for one in tried if one.outcome == SURVIVED and bool(one.reason) == bool(wanted)]
    lines = sorted(f"{one.mutant.name}{'   # ' + one.reason if one.reason else ''}" for one in chosen)
    # Fenced: code may look like a link.
    return [f"{head} ({len(chosen)}):", "\n".join(["```", *lines, "```"])] if lines else []
