"""What verbs print as JSON. Every document that a test sees passes through here."""

from __future__ import annotations

import functools
import json
from typing import Any

from certbot_external_auth.console import schema
from certbot_external_auth.sessions import STATES
from tests.support import schemas

Document = dict[str, Any]

OF_A_SESSION = ("session", "refusal")
KINDS = {
    **dict.fromkeys(("begin", "finish", "abort"), OF_A_SESSION),
    "status": (*OF_A_SESSION, "sessions"),
    "recover": ("recovery",),
    "rehearse": ("rehearsal",),
    "check": ("step", "summary", "routes"),
    "providers": ("providers",),
    "persist": ("persist",),
}
"""Verb to what it may print."""
OTHERS = {"notify": ("failure",)}
"""What the plugin gives to programs of the administrator's."""


def checked(text: str, verb: str, code: int | None = None) -> Document:
    """The document in what a verb printed.

    :param code: the exit code, None if it is not known, or does not belong to this document.
    :raises AssertionError: if it is not as the schema says.
    """
    document: Document = json.loads(text)
    found = complaint(document, verb, code)
    assert found is None, f"{verb} printed what is not described: {found}\n{text}"
    return document


def complaint(document: Document, verb: str, code: int | None = None, kind: str | None = None) -> str | None:
    """What is wrong with a document, None if nothing is. :param kind: of those that the verb prints, the one it is."""
    from jsonschema.exceptions import best_match

    error = best_match(_rules({**KINDS, **OTHERS}[verb] if kind is None else (kind,)).iter_errors(document))
    if error is not None:
        return f"{error.message} (at {error.json_path})"
    state = document.get("state")
    # `abort` is content when the session has ended; who should have seen the end is not when it has not.
    if code is None or state is None or verb == "abort" or (verb != "status" and state == "working"):
        return None
    return None if STATES[state][0] == code else f"exit code {code} with state {state}"


@functools.cache
def _rules(kinds: tuple[str, ...]) -> Any:
    """Stricter than what a reader may be: a key that is not described is a fault of ours."""
    found = schema.load(schema.DOCUMENTS)
    definitions = {name: schemas.closed(one) for name, one in found["$defs"].items()}
    return schemas.validator({**found, "$defs": definitions, "anyOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds]})
