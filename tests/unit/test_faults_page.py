"""The page that `make faults` writes: one section can be made anew without the others."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from faults.page import page
from faults.table import Row, Table


def table(title: str, *ok: bool) -> Table:
    return Table(title, "What was done.", ("what", "found"), [Row(one, (f"case {one}", title.upper())) for one in ok])


def test_a_section_is_made_anew_and_the_others_stay() -> None:
    first = page("", {"a": table("One", True), "b": table("Two", True, False), "c": table("Three", True)}, 7)
    assert re.findall("^- .*", first, re.MULTILINE) == [
        "- One: 1 of 1 passed",
        "- Two: 1 of 2 passed",
        "- Three: 1 of 1 passed",
    ]
    assert page(first, {}, 8) == first
    second = page(first, {"b": table("Two", True, True), "d": table("Four", False)}, 8)
    assert re.findall("ONLY=(.) SEED=(.)", second) == [("a", "7"), ("b", "8"), ("c", "7"), ("d", "8")]
    assert "- Two: 2 of 2 passed\n- Three: 1 of 1 passed\n- Four: 0 of 1" in second
    assert re.findall("^## .*", second, re.MULTILINE) == ["## One", "## Two", "## Three", "## Four"]


def test_a_section_can_have_a_command_and_a_verdict_of_its_own() -> None:
    """Guards against: a section of `make mutants` that is lost or relabelled when `make faults` makes its own."""
    other = replace(table("Mutants", True), command="make mutants", said="9 of 10 killed", packages=("pytest",))
    first = page("", {"mutants": other}, 7)
    assert f"\n`make mutants SEED=7`, {time.strftime('%Y')}" in first
    assert f"pytest {pytest.__version__}, " in first
    second = page(first, {"a": table("One", True)}, 8)
    assert re.findall("^- .*", second, re.MULTILINE) == ["- Mutants: 9 of 10 killed", "- One: 1 of 1 passed"]
    assert "`make mutants SEED=7`" in second
