"""What a person sees during the watch; the wording of the table and of its lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from certbot_external_auth.backends.manual import live_table, table_rows
from certbot_external_auth.visibility import Outcome
from tests.support.rounds import ABSENT, NAME, NAMED, OTHER, VISIBLE, found, observation

VALUES = {NAME: [NAME, "  value of a"], OTHER: [OTHER, "  value of b"]}


@pytest.mark.parametrize(("width", "height"), [(60, 24), (60, 6), (30, 10), (40, 8), (200, 50)])
def test_the_table_is_never_higher_or_wider_than_the_window(width: int, height: int) -> None:
    """Guards against a window full of copies: lines that have scrolled out cannot be replaced."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    places = [f"_acme-challenge.n{n}.example.org" for n in range(40)]
    table = live_table.Table(
        {place: place for place in places}, {place: [place, "  value"] for place in places}, console
    )
    table.told(found(*(observation(Outcome.NO_RECORD, place) for place in places)))
    texts = shown(table, console)
    if height > 4:
        assert any("more lines" in text for text in texts)
    assert "0 of 40 visible everywhere." in " ".join(" ".join(texts).split())
    table.explained(["The zone is old. " * 4, "The server forbids it. " * 9])
    explained = " ".join(" ".join(shown(table, console)).split())
    assert "0 of 40 visible everywhere." in explained
    if height > 10:
        assert f"{table_rows.LIKELY} The zone is old." in explained
    pages = []
    while True:
        table.pressed("v")
        turned = "".join("".join(shown(table, console)).split())
        if not turned.count("ofwhattopublish"):
            break
        pages.append(turned)
    # Every name with its value, on one page or another.
    assert [place for place in places if not any(f"{place}value" in page for page in pages)] == []
    # Other keys do nothing.
    table.pressed("x")
    assert "0 of 40 visible everywhere." in " ".join(" ".join(shown(table, console)).split())


def shown(table: live_table.Table, console: Console) -> list[str]:
    """Return the lines that fill the window, and check that they fit into it."""
    lines = console.render_lines(table.render(), pad=False)
    texts = ["".join(segment.text for segment in line) for line in lines]
    assert len(texts) <= console.height
    assert max(map(len, texts)) <= console.width
    return texts


def test_lines_tell_changes_only() -> None:
    out = io.StringIO()
    lines = live_table.Lines(NAMED, VALUES, out, 100)
    for one in (found(ABSENT), found(ABSENT, seconds=1), found(observation(Outcome.MATCH, OTHER), seconds=65)):
        lines.told(one)
    assert out.getvalue() == (
        f"0:00  {OTHER} at ns1.example.org 192.0.2.1:53: no record\n"
        f"1:05  {OTHER} at ns1.example.org 192.0.2.1:53: visible\n"
    )


def test_lines_have_the_reasons_once_and_the_values_again() -> None:
    out = io.StringIO()
    lines = live_table.Lines(NAMED, VALUES, out, 100)
    lines.explained([])
    lines.explained(["One."])
    lines.explained(["One.", "Two."])
    assert out.getvalue() == f"{table_rows.LIKELY}\nOne.\n{table_rows.LIKELY}\nTwo.\n"
    out.truncate(0)
    out.seek(0)
    lines.told(found(VISIBLE, ABSENT))
    lines.pressed("x")
    lines.pressed("v")
    assert out.getvalue().endswith(f"{OTHER}\n  value of b\n")
    assert "value of a" not in out.getvalue()
