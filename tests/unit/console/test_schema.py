"""The schemas of lines and documents: complete, explained, and what the plugin really understands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certbot_external_auth import cli
from certbot_external_auth.console import schema
from certbot_external_auth.protocol.answers import AnswerError, parse
from certbot_external_auth.protocol.error_codes import CODES
from certbot_external_auth.sessions import STATES
from tests.support import documents, recorded_documents, recordings, reference, schemas

ROOT = Path(__file__).resolve().parents[3]


DESCRIBED = (*schema.PROTOCOLS, schema.DOCUMENTS)


@pytest.mark.parametrize(
    ("words", "described"),
    [((), 1), (("--protocol", "1"), 1), (("--protocol", "0"), 0), (("--documents",), schema.DOCUMENTS)],
)
def test_the_verb_prints_a_valid_schema_of_2020_12(words: tuple[str, ...], described: int | str) -> None:
    command = [sys.executable, "-m", "certbot_external_auth", "schema", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = json.loads(ended.stdout)
    assert printed == json.loads(re.sub(r"\[([^]]+)\]\([^)]+\.md[^)]*\)", r"\1", schema.text(described)))
    # Its links are for the pages that are made from it, and lead nowhere on a host.
    assert ".md" not in ended.stdout
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(printed)


def test_a_schema_that_cannot_be_printed_is_said() -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "certbot_external_auth", "schema"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (1, "The document could not be printed: No space left on device.\n")


def fields(rules: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every object in a schema."""
    if not isinstance(rules, dict):
        return
    for name, one in rules.get("properties", {}).items():
        yield f"{path}.{name}", one
        yield from fields(one, f"{path}.{name}")


@pytest.mark.parametrize("described", DESCRIBED)
def test_every_field_is_described_and_its_examples_are_right(described: int | str) -> None:
    """A field without a word costs each of its readers an experiment."""
    whole = schema.load(described)
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
    for page, text in reference.pages().items():
        assert page.read_text() == text


def test_the_schema_has_the_states_of_the_code() -> None:
    whole = schema.load(schema.DOCUMENTS)["$defs"]
    listed = whole["session"]["properties"]["state"]["oneOf"]
    found = {one["const"]: (one["x-exit-code"], one["description"]) for one in listed}
    # No document of a session can be without one.
    assert found == {
        name: (code.value, text.replace("{command}", "finish"))
        for name, (code, text) in STATES.items()
        if name != "unknown"
    }


def test_what_lines_and_documents_share_is_described_alike() -> None:
    lines, verbs = (schema.load(one)["$defs"] for one in (1, schema.DOCUMENTS))
    for name in ("server", "leftover"):
        assert lines[name] == verbs[name]


def test_every_verb_that_prints_a_document_is_described() -> None:
    printed = {
        verb.split()[0]: name
        for name, one in schema.load(schema.DOCUMENTS)["$defs"].items()
        for verb in one.get("x-printed-by", ())
    }
    assert set(printed) == set(documents.KINDS) == set(cli.VERBS) - {"schema", "plan", "doctor"}


@pytest.mark.parametrize("name", recorded_documents.versions())
def test_documents_of_earlier_versions_are_still_what_the_schema_says(name: str) -> None:
    """As with streams: what a version has once printed is never recorded anew."""
    for verb, code, document in recorded_documents.read(name):
        assert documents.complaint(document, verb, code) is None


def test_documents_of_every_verb_were_recorded() -> None:
    found = {verb for name in recorded_documents.versions() for verb, _, _ in recorded_documents.read(name)}
    assert found == set(documents.KINDS)


def test_the_documents_that_were_recorded_have_everything() -> None:
    whole = schema.load(schema.DOCUMENTS)["$defs"]
    for kinds in documents.OTHERS.values():
        for kind in kinds:
            del whole[kind]
    met: dict[str, set[str]] = {name: set() for name in whole}

    def meet(value: Any, rule: dict[str, Any]) -> None:
        name = rule.get("$ref", "").rpartition("/")[2]
        if name:
            met[name] |= set(value)
            rule = whole[name]
        if isinstance(value, dict):
            for key, one in value.items():
                meet(one, rule.get("properties", {}).get(key) or rule.get("additionalProperties") or {})
        elif isinstance(value, list):
            for one in value:
                meet(one, rule.get("items", {}))

    states = set()
    for version in recorded_documents.versions():
        for verb, code, document in recorded_documents.read(version):
            for kind in documents.KINDS[verb]:
                if documents.complaint(document, verb, code, kind) is None:
                    meet(document, {"$ref": f"#/$defs/{kind}"})
            states.add(document.get("state"))
    assert {name: set(one["properties"]) - met[name] for name, one in whole.items()} == {name: set() for name in whole}
    assert {"waiting", "more", "done", "nothing_due", "refused", "failed", "aborted", "lost", "locked"} <= states


@pytest.mark.parametrize(("page", "verb"), [("two-steps.md", "finish"), ("check.md", "check")])
def test_the_documents_on_a_page_are_as_described(page: str, verb: str) -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    shown = [text for block in blocks for text in (block.splitlines() if verb == "check" else [block])]
    assert len(shown) > 1
    for text in shown:
        documents.checked(text, verb)


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
