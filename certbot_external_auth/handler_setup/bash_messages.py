"""What bash says about a configuration that it cannot read, without its words, which quote secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# Beginnings and ends of bash's messages, with the words shown instead: the rest of a message can hold a secret.
_FAILS = "a command fails"
UNBOUND = "unbound variable"
_KINDS = {
    _FAILS: _FAILS,
    "syntax error": "syntax error",
    "unexpected EOF": "a quotation or bracket that is never closed",
    "command not found": "command not found",
    UNBOUND: UNBOUND,
    "bad substitution": "bad substitution",
    "readonly variable": "readonly variable",
    "not a valid identifier": "not a valid identifier",
    "ambiguous redirect": "ambiguous redirect",
    "No such file or directory": "no such file or directory",
    "Permission denied": "permission denied",
    "Is a directory": "is a directory",
}
_LAST = "the last command fails, which also ends Dehydrated (set -e); write || true behind it"


def without_words(printed: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """Return the file, line and kind of each error.

    :param printed: the lines that bash printed.
    :param texts: by path, the content of each file that it read.
    """
    kinds: dict[tuple[str, str], str] = {}
    for line in printed:
        for path, text in texts.items():
            message = re.match(rf"{re.escape(path)}: \S+ ([0-9]+): (.*)", line, re.DOTALL)
            if message is not None:
                kind, known = _kind(message[2], text), kinds.get((path, message[1]))
                # After a syntax error bash repeats the line. In other languages its messages have no known words.
                kinds[path, message[1]] = known if known and kind in (None, _FAILS) else kind or "an error"
    return [
        f"{path}: line {number}: {kind}" if number != "0" else f"{path}: {_LAST}"
        for (path, number), kind in kinds.items()
    ]


def _kind(message: str, text: str) -> str | None:
    kind = next((kind for words, kind in _KINDS.items() if message.startswith(words) or message.endswith(words)), None)
    name = message.partition(":")[0]
    return f"{UNBOUND} {name}" if kind == UNBOUND and _is_name(name, text) else kind


def _is_name(name: str, text: str) -> bool:
    """Tell whether a variable is one of the environment's, and not a part of a password such as ``"pa$SWORD"``.

    The names of those are written in capitals, and nothing of a word stands directly before the dollar sign.
    """
    used = rf"(?:^|[\s\"=/(])\$\{{?{name}(?!\w)"
    return re.fullmatch(r"[A-Z][A-Z0-9_]+", name) is not None and re.search(used, text, re.MULTILINE) is not None
