"""The schema of the lines: complete, explained, and what the plugin really understands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certbot_external_auth import schema
from certbot_external_auth.backends.answers import AnswerError, parse
from certbot_external_auth.error_codes import CODES
from tests.support import recordings, reference, schemas

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("protocol", schema.PROTOCOLS)
def test_the_verb_prints_a_valid_schema_of_2020_12(protocol: int) -> None:
    words = ("-m", "certbot_external_auth.cli", "schema", "--protocol", str(protocol))
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    printed = json.loads(ended.stdout)
    assert printed == schema.load(protocol)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(printed)


def fields(rules: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every object in a schema."""
    if not isinstance(rules, dict):
        return
    for name, one in rules.get("properties", {}).items():
        yield f"{path}.{name}", one
        yield from fields(one, f"{path}.{name}")


@pytest.mark.parametrize("protocol", schema.PROTOCOLS)
def test_every_field_is_described_and_its_examples_are_right(protocol: int) -> None:
    """A field without a word costs each of its readers an experiment."""
    whole = schema.load(protocol)
    found = [pair for name, one in whole["$defs"].items() for pair in fields(one, name)]
    assert len(found) > 30
    for path, field in found:
        assert field.get("description", "").endswith((".", "…")), path
        assert field.get("examples"), path
        for value in field["examples"]:
            jsonschema.Draft202012Validator({**field, "$defs": whole["$defs"]}).validate(value)


def test_the_schema_has_the_codes_of_the_code() -> None:
    listed = schema.load(1)["$defs"]["error"]["properties"]["code"]["oneOf"]
    assert {one["const"]: one["description"] for one in listed} == CODES


def test_the_documentation_is_made_from_the_schema() -> None:
    """`python -m tests.support.reference` writes it."""
    assert (ROOT / "docs" / "json.md").read_text() == reference.written()


@pytest.mark.parametrize("name", recordings.names())
def test_streams_of_earlier_versions_are_still_what_the_schema_says(name: str) -> None:
    """A driver that was written then must find what it looks for, and this version's checks must accept it. What a
    version has once said is never recorded anew."""
    protocol, lines = recordings.read(name)
    assert lines
    for line in lines:
        assert schemas.complaint(line, protocol) is None


@pytest.mark.parametrize("protocol", schema.PROTOCOLS)
def test_what_was_recorded_is_all_that_there_is(protocol: int) -> None:
    """An example of every line, and of everything it carries."""
    described = schema.load(protocol)["$defs"]
    recorded = [line for name in recordings.names() for line in recordings.of(name, protocol)]
    for rule in described["line"]["allOf"]:
        command = rule["if"]["properties"]["cmd"]["const"]
        carried = {key for line in recorded if line["cmd"] == command for key in line}
        assert set(described[command]["properties"]) <= carried, command


values = (
    st.none() | st.booleans() | st.integers(-3, 700_000) | st.text(max_size=3) | st.just({"code": "a", "message": "b"})
)
objects = st.dictionaries(st.sampled_from(["id", "ok", "wait", "error", "run", "news"]), values, max_size=4)


@given(objects)
@example({"ok": True, "wait": 5})
@example({"ok": False, "error": {"code": "dns.full", "message": "no room"}})
@example({"ok": False, "error": "no room"})
def test_what_the_schema_calls_an_answer_is_understood(answer: dict[str, Any]) -> None:
    """The plugin may forgive more than it describes, never less."""
    if schemas.is_answer(answer):
        parse(json.dumps(answer).encode())


@pytest.mark.parametrize("error", ["no room", None, {"code": None, "message": "no room"}, {"message": None}])
def test_a_reason_may_be_a_text_and_null_is_none(error: object) -> None:
    assert schemas.is_answer({"ok": False, "error": error})


@given(objects)
@example({"ok": False, "wait": 5})
def test_what_is_not_understood_is_no_answer_to_the_schema(answer: dict[str, Any]) -> None:
    try:
        parse(json.dumps(answer).encode())
    except AnswerError:
        assert not schemas.is_answer(answer)
