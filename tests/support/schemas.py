"""Lines and answers, checked by the schema that is shipped."""

from __future__ import annotations

import copy
import functools
from typing import Any

from certbot_external_auth.console import schema

Line = dict[str, Any]


def complaint(line: Line, protocol: int) -> str | None:
    """What is wrong with a line of the plugin, None if nothing is."""
    from jsonschema.exceptions import best_match

    error = best_match(_lines(protocol).iter_errors(line))
    return None if error is None else f"{error.message} (at {error.json_path})"


def is_answer(value: object) -> bool:
    """Whether a driver may say this, in protocol 1."""
    return bool(_answers().is_valid(value))


@functools.cache
def _answers() -> Any:
    return validator({**schema.load(1), "anyOf": [{"$ref": "#/$defs/answer"}]})


@functools.cache
def _lines(protocol: int) -> Any:
    """Stricter than what a reader may be: a key or a line that is not described is a fault of ours."""
    found = schema.load(protocol)
    del found["anyOf" if protocol else "$ref"]
    definitions = {name: closed(one) for name, one in found["$defs"].items()}
    commands = [rule["if"]["properties"]["cmd"]["const"] for rule in found["$defs"]["line"]["allOf"]]
    for name in ("line", *commands):
        # These two describe one object together.
        definitions[name].pop("additionalProperties", None)
    definitions["line"]["unevaluatedProperties"] = False
    definitions["line"]["properties"]["cmd"]["enum"] = commands
    return validator({**found, "$defs": definitions, "$ref": "#/$defs/line"})


def closed(rule: Any) -> Any:
    """A schema in which no object has keys that are not named."""
    if isinstance(rule, list):
        return [closed(one) for one in rule]
    if not isinstance(rule, dict):
        return copy.deepcopy(rule)
    found = {key: value if key == "examples" else closed(value) for key, value in rule.items()}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def validator(rules: dict[str, Any]) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(rules)
