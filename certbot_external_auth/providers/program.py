"""Carries out one operation of an engine, in the Python that has the engine's library.

    python -I program.py ENGINE.py FOLDERS PROVIDER tell
    python -I program.py ENGINE.py FOLDERS PROVIDER add|remove RECORD ZONE

FOLDERS are searched for modules besides. The engine's file has the functions `load`, which fails if the library is not
there, `describe` and `check`, see `tell`, and `change`, for whose input and output see `dialect`.

This file and the engine's import nothing of ours at their top, since the other Python may have nothing of ours. They
lie in a folder that is not searched: its `lexicon.py` would hide the library.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

TELL = "tell"


@dataclass(frozen=True)
class Change:
    """A record to add or to remove.

    :ivar adds: the record is added. :ivar provider: its name.
    :ivar record: its name without a dot at its end.
    :ivar zone: the zone of the record; empty if it is not known.
    :ivar more: the JSON object of stdin.
    :ivar state: what `add` has kept for `remove`; None if that is not known.
    :ivar keep: keeps the state.
    """

    adds: bool
    provider: str
    record: str
    zone: str
    value: str
    more: Mapping[str, Any]
    state: Any
    keep: Callable[[object], None]


def main(file: str, folders: str, provider: str, operation: str, record: str = "", zone: str = "") -> None:
    """Carry out one operation. What the library raises becomes one line on stderr, with exit code 1."""
    sys.path += filter(None, folders.split(os.pathsep))
    with os.fdopen(os.dup(1), "w") as answer:
        # Libraries print to stdout, which is the state.
        os.dup2(2, 1)

        def keep(state: object) -> None:
            answer.write(json.dumps(state))
            answer.flush()

        try:
            engine = _loaded(file)
            if operation == TELL:
                keep(tell(engine, json.loads(sys.stdin.read())))
            else:
                value, more = sys.stdin.readline().rstrip("\n"), json.loads(sys.stdin.readline())
                state = json.loads(sys.stdin.read() or "null")
                engine.change(Change(operation == "add", provider, record, zone, value, more, state, keep))
        except Exception as error:
            sys.exit(_shown(error))


def tell(engine: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer questions about the engine and its providers.

    :param given: ``describe``: names of providers, or null for all. ``check``: the name of a provider. The answer has
        ``described``: what the engine says of each that it knows. ``problems``: pairs of kind and facts.
    """
    engine.load()
    answer: dict[str, Any] = {}
    if "describe" in given:
        answer["described"] = engine.describe(given["describe"])
    if "check" in given and given["check"] in answer["described"]:
        try:
            answer["problems"] = engine.check(given["check"])
        except Exception as error:
            answer["problems"] = [("SAID", {"text": _shown(error)})]
    return answer


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _loaded(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("certbot_external_auth_engine", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
