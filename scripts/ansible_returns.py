"""Write the RETURN blocks of the Ansible modules, from the schema of the documents that they return.

    python scripts/ansible_returns.py [--check]

With --check, nothing is written, and the exit code is 1 if a block is not current.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "certbot_external_auth" / "schemas" / "documents.json"
MODULES = ROOT / "ansible" / "plugins" / "modules"
BLOCK = re.compile(r'^RETURN = r"""\n.*?"""$', re.MULTILINE | re.DOTALL)
TYPES = {"string": "str", "integer": "int", "boolean": "bool", "object": "dict", "array": "list"}
MAX_SAMPLE = 60
LINE = 100

Field = Mapping[str, Any]

REASONS: Field = {
    "type": "array",
    "items": {"type": "string"},
    "description": "In check mode: why a certificate would be ordered. `new`: there is none. `names`, `key`: the names "
    "or the type of the key differ. `date`: its time has come. `forced`: because of O(force).",
    "examples": [["date"]],
}
CERTIFICATE = ("domains", "not_after", "sha256")
CONTENT: Field = {"type": "string", "description": "The file, as PEM.", "examples": ["-----BEGIN CERTIFICATE-----…"]}
DUE: Field = {
    "type": "boolean",
    "description": "Whether Certbot would renew it by its dates and by what the renewal file keeps.",
    "examples": [False],
}


def listed(rules: Field) -> dict[str, Field]:
    """Return what `certificate_info` returns."""
    certificate = rules["$defs"]["certificate"]["properties"]
    facts = {name: certificate[name] for name in CERTIFICATE}
    paths = {name: one for name, one in certificate.items() if name.endswith("_path")}
    parts = dict.fromkeys(("cert", "chain", "fullchain"), CONTENT)
    content = {"type": "object", "description": "With O(with_content): the files.", "properties": parts}
    lineage = {"name": certificate["name"], **facts, "due": DUE, **paths, "content": content}
    served = {
        "host": _text("The name of the host.", "web1"),
        "address": _text("Where the module looked.", "192.0.2.1"),
        "port": {"type": "integer", "description": "Where the module looked.", "examples": [443]},
        "sha256": _text("The fingerprint of what the host serves. Null if it does not answer.", "9f86d081"),
        "error": _text("Why the host does not answer. Null if it does.", "Connection refused"),
        "expected": {"type": "boolean", "description": "Whether it is the expected one.", "examples": [True]},
    }
    return {
        "lineages": _list("Certbot's certificates, by name.", lineage),
        "unreadable": {
            "type": "array",
            "items": {"type": "string"},
            "description": "A sentence for each certificate that cannot be read.",
            "examples": [[]],
        },
        "files": {
            "type": "object",
            "description": "The certificates in O(files), by path. Each has RV(lineages[].domains), "
            "RV(lineages[].not_after) and RV(lineages[].sha256), and its `content`.",
            "examples": [{}],
        },
        "served": _list("What the servers in O(serving) present, in the same order.", served),
    }


def _text(description: str, example: str) -> Field:
    return {"type": "string", "description": description, "examples": [example]}


def _list(description: str, properties: Field) -> Field:
    return {"type": "array", "description": description, "items": {"type": "object", "properties": properties}}


def blocks() -> dict[Path, str]:
    """Return each module's file as it should be."""
    rules = json.loads(SCHEMA.read_text())
    session = rules["$defs"]["session"]
    of_session = dict(session["properties"])
    always = set(session["required"])
    begin = {"reasons": REASONS, **of_session}
    without = {name: one for name, one in of_session.items() if name != "resumed"}
    modules = {
        "certificate_begin": (begin, "with a session"),
        "certificate_finish": (without, "with a session"),
        "certificate_abort": (without, "with a session"),
        "certificate_info": (listed(rules), "always"),
    }
    found = {}
    for name, (fields, returned) in modules.items():
        path = MODULES / f"{name}.py"
        lines = [line for field, one in fields.items() for line in _field(rules, field, one, returned, always, 0)]
        before, after = BLOCK.split(path.read_text())
        found[path] = f'{before}RETURN = r"""\n' + "\n".join(lines) + f'\n"""{after}'
    return found


def _field(rules: Field, name: str, one: Field, returned: str, always: set[str], depth: int) -> Iterator[str]:
    pad = "  " * depth
    yield f"{pad}{name}:"
    yield f"{pad}  description:"
    yield f"{pad}    - >-"
    for line in textwrap.wrap(_words(one["description"]), LINE - len(pad)):
        yield f"{pad}      {line}"
    yield f"{pad}  returned: {_returned(name, returned, always, depth)}"
    kind = _type(rules, one)
    yield f"{pad}  type: {kind}"
    inner = one
    if kind == "list":
        elements = _type(rules, one["items"])
        yield f"{pad}  elements: {elements}"
        inner = one["items"]
    contained = _resolved(rules, inner).get("properties")
    if contained:
        yield f"{pad}  contains:"
        required = set(_resolved(rules, inner).get("required", contained))
        for part, value in contained.items():
            yield from _field(rules, part, value, "always", required, depth + 2)
    elif one.get("examples"):
        yield from _sample(one["examples"][-1], pad)


def _returned(name: str, returned: str, always: set[str], depth: int) -> str:
    if depth == 0 and name == "reasons":
        return "in check mode"
    if depth == 0 and returned == "always":
        return "always"
    if name in always:
        return returned
    return "if there is one"


def _words(text: str) -> str:
    """Write a description of the schema in the markup of Ansible."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"`([^`]*)`", r"C(\1)", text)


def _resolved(rules: Field, one: Field) -> Field:
    if "$ref" in one:
        found: Field = rules["$defs"][one["$ref"].rpartition("/")[2]]
        return found
    return one


def _type(rules: Field, one: Field) -> str:
    kind = _resolved(rules, one)["type"]
    return TYPES[kind if isinstance(kind, str) else kind[0]]


def _sample(value: object, pad: str) -> Iterator[str]:
    text = json.dumps(_shortened(value))
    if len(text) < LINE:
        yield f"{pad}  sample: {text}"
    else:
        yield f"{pad}  sample:"
        yield from _block(_shortened(value), pad + "    ")


def _block(value: object, pad: str) -> Iterator[str]:
    """Write a value over several lines."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield f"{pad}{json.dumps(key)}: {json.dumps(one)}"
    elif isinstance(value, list):
        for one in value:
            yield f"{pad}- {json.dumps(one)}"
    else:
        yield f"{pad}{json.dumps(value)}"


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= MAX_SAMPLE else value[: MAX_SAMPLE - 3] + "..."
    if isinstance(value, dict):
        return {str(_shortened(key)): _shortened(one) for key, one in value.items()}
    return [_shortened(one) for one in value] if isinstance(value, list) else value


def main() -> int:
    """Write the blocks, or compare them."""
    old = [path for path, text in blocks().items() if path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in old:
            print(f"{path.relative_to(ROOT)}: its RETURN block is not current; run: python scripts/ansible_returns.py")
        return 1 if old else 0
    for path, text in blocks().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
