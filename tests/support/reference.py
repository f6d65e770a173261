"""The parts of docs/reference/ that are made from the schemas and from recorded runs.

    python -m tests.support.reference

writes them between the marks in those files.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from certbot_external_auth.console import schema
from tests.support import recordings

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
OBJECTS = ("lineage", "leftover", "observation", "problem", "server", "alias", "message")
ANSWERS = ("confirm", "refuse", "more_time")
OF_SESSIONS = (
    "session",
    "challenge",
    "server",
    "alias",
    "places",
    "problem",
    "error",
    "certificate",
    "refusal",
    "sessions",
    "listed",
)
OF_RECOVER = ("recovery", "batch", "leftover")
OF_REHEARSE = ("rehearsal", "rehearsed", "finding")
OF_CHECK = ("step", "sight", "summary", "routes")
OF_PROVIDERS = ("providers", "engine", "provider", "variable")
OF_PERSIST = ("persist", "persist_record", "persist_look")
OF_NOTIFIERS = ("failure",)


def pages() -> dict[Path, str]:
    """Each page as it should be."""
    one, zero, verbs = schema.load(1), schema.load(0), schema.load(schema.DOCUMENTS)
    parts: dict[str, dict[str, Iterable[str]]] = {
        "json-lines.md": {
            "common": [*_table(one["$defs"]["line"], ()), ""],
            "lines": _lines(one, 1),
            "objects": _described(one, OBJECTS),
            "answers": _described(one, ANSWERS),
            "codes": _codes(one),
            "historic": _lines(zero, 0),
        },
        "documents.md": {
            "sessions": _described(verbs, OF_SESSIONS),
            "check": _described(verbs, OF_CHECK),
            "recover": _described(verbs, OF_RECOVER),
            "providers": _described(verbs, OF_PROVIDERS),
            "persist": _described(verbs, OF_PERSIST),
            "rehearse": _described(verbs, OF_REHEARSE),
            "notify": _described(verbs, OF_NOTIFIERS),
        },
    }
    return {FOLDER / page: _filled(FOLDER / page, contents) for page, contents in parts.items()}


def _filled(page: Path, contents: Mapping[str, Iterable[str]]) -> str:
    text = page.read_text()
    for name, lines in contents.items():
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + end + rest.split(end)[1]
    return text


def _lines(rules: Mapping[str, Any], protocol: int) -> Iterator[str]:
    for rule in rules["$defs"]["line"]["allOf"]:
        command = rule["if"]["properties"]["cmd"]["const"]
        one = rules["$defs"][command]
        yield f"### `{command}`\n"
        yield f"{one['title']}. {one['description']} Answer: {one['x-answer']}.\n"
        yield from _table(one, ("cmd",))
        yield ""
        example = _recorded(command, protocol)
        if example:
            yield f"```json\n{example}\n```\n"


def _recorded(command: str, protocol: int) -> str:
    """The first line of this kind that a real run had, without what only fills the page."""
    for name in reversed(recordings.names()):
        for line in recordings.of(name, protocol):
            if line["cmd"] == command:
                text = json.dumps(line, ensure_ascii=False)
                return re.sub(r"(-----BEGIN CERTIFICATE-----\\n)[^\"]*", r"\1…", text)
    return ""


def _described(rules: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        one = rules["$defs"][name]
        title = one.get("title", f"`{name}`")
        yield f"### {title}\n"
        yield f"{one['description']}\n"
        yield from _table(one, ())
        yield ""


def _table(one: Mapping[str, Any], left_out: tuple[str, ...]) -> Iterator[str]:
    rows = [(name, field) for name, field in one["properties"].items() if name not in left_out]
    if not rows:
        yield "It has no other fields."
        return
    yield "| field | type | always there | meaning | example |"
    yield "|---|---|---|---|---|"
    for name, field in rows:
        always = "yes" if name in one["required"] else ""
        assert "|" not in field["description"], name
        example = json.dumps(field["examples"][-1], ensure_ascii=False).replace("|", "\\|")
        shown = example if len(example) <= 90 else example[:89] + "…"
        yield f"| `{name}` | {_type(field)} | {always} | {field['description']} | `{shown}` |"


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return f"[{field['$ref'].rpartition('/')[2]}](#{field['$ref'].rpartition('/')[2]})"
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    if "const" in field:
        return "text" if isinstance(field["const"], str) else "true or false"
    if "enum" in field:
        return " or ".join(f"`{word}`" for word in field["enum"])
    kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
    if kinds == ["array"]:
        return f"list of {_type(field['items'])}"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return " or ".join(words.get(kind, kind) for kind in kinds)


def _codes(rules: Mapping[str, Any]) -> Iterator[str]:
    yield "| code | meaning |"
    yield "|---|---|"
    for one in rules["$defs"]["error"]["properties"]["code"]["oneOf"]:
        yield f"| `{one['const']}` | {one['description']} |"
    yield ""


def main() -> int:
    for page, text in pages().items():
        page.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
