"""A table of docs/reliability.md: what was tried, how often, and the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """A row. :ivar ok: the case passed. :ivar cells: what the table shows."""

    ok: bool
    cells: Sequence[object]


@dataclass(frozen=True)
class Table:
    """A table.

    :ivar intro: what the test did.
    :ivar heads: of the columns.
    :ivar notes: paragraphs below the rows.
    :ivar said: the verdict, if it is not a count of rows.
    :ivar command: what makes the table, if not `make faults`.
    :ivar packages: whose versions matter besides.
    """

    title: str
    intro: str
    heads: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default_factory=tuple)
    said: str = ""
    command: str = ""
    packages: Sequence[str] = ()

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.rows if not row.ok]

    @property
    def verdict(self) -> str:
        return self.said or f"{len(self.rows) - len(self.failed)} of {len(self.rows)} passed"

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", self.intro, "", _line(self.heads), _line("---" for _ in self.heads)]
        lines += [_line(row.cells) for row in self.rows]
        lines += ["", f"**{self.verdict}.**", *(f"\n{note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def _line(cells: object) -> str:
    assert not isinstance(cells, str)
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"  # type: ignore[attr-defined]
