"""The program of an engine, as a process of its own, with an engine that is made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.providers import program

ENGINE = """
import sys

import a_library


def load():
    pass


def describe(names):
    print("noise of a library")
    return {name: {} for name in names or ["one", "two"]}


def check(name):
    if name == "bad":
        raise ValueError("wrong key")
    return [("SAID", {"text": name})]


def change(wanted):
    print("noise of a library")
    words = wanted.provider, wanted.record, wanted.zone, wanted.value, wanted.more, wanted.state
    print("adds" if wanted.adds else "removes", *words, file=sys.stderr)
    wanted.keep({"id": 17})
    if wanted.record == "refused":
        raise LookupError("no such zone")
    if wanted.record == "said":
        sys.exit("the library's own words")
"""
VALUE = "the-value"


@pytest.fixture
def engine(tmp_path: Path) -> tuple[str, str]:
    """An engine's file, and the folder with the library that it needs."""
    library = tmp_path / "with a blank" / "a_library.py"
    library.parent.mkdir()
    library.write_text("")
    # Beside the engine's file lies what would hide the library, if that folder were searched.
    (tmp_path / "a_library.py").write_text("raise SystemExit('the wrong one')")
    file = tmp_path / "lexicon.py"
    file.write_text(ENGINE)
    return str(file), str(library.parent)


def run(engine: tuple[str, str], *words: str, stdin: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", program.__file__, *engine, "some", *words]
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_a_change_gets_everything_and_only_its_state_is_on_stdout(engine: tuple[str, str]) -> None:
    """Guards against: what a library prints, taken for the id of a record."""
    ended = run(engine, "add", "record", "zone", stdin=f'{VALUE}\n{{"identifier": "a"}}\n')
    assert (ended.returncode, ended.stdout) == (0, '{"id": 17}')
    lines = ["noise of a library", f"adds some record zone {VALUE} {{'identifier': 'a'}} None"]
    assert sorted(ended.stderr.splitlines()) == sorted(lines)
    ended = run(engine, "remove", "record", "", stdin=f"{VALUE}\n{{}}\n{ended.stdout}")
    assert f"removes some record  {VALUE} {{}} {{'id': 17}}" in ended.stderr


@pytest.mark.parametrize(
    ("record", "said"), [("refused", "LookupError: no such zone"), ("said", "the library's own words")]
)
def test_a_failure_is_one_line_and_the_state_is_kept_before(engine: tuple[str, str], record: str, said: str) -> None:
    ended = run(engine, "add", record, "", stdin=f"{VALUE}\n{{}}\n")
    assert (ended.returncode, ended.stdout) == (1, '{"id": 17}')
    assert said in ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {}),
        ({"describe": None}, {"described": {"one": {}, "two": {}}}),
        ({"describe": ["one"], "check": "one"}, {"described": {"one": {}}, "problems": [["SAID", {"text": "one"}]]}),
        (
            {"describe": ["bad"], "check": "bad"},
            {"described": {"bad": {}}, "problems": [["SAID", {"text": "ValueError: wrong key"}]]},
        ),
        ({"describe": ["one"], "check": "unknown"}, {"described": {"one": {}}}),
    ],
)
def test_an_engine_tells(engine: tuple[str, str], given: dict[str, object], told: dict[str, object]) -> None:
    ended = run(engine, program.TELL, stdin=json.dumps(given))
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == told


def test_a_library_that_is_not_there(engine: tuple[str, str]) -> None:
    ended = run((engine[0], ""), program.TELL, stdin="{}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'a_library'"
