"""Free text of others (a handler, a driver, the CA) made fit for a log, a terminal and a JSON line; numbers in ours."""

from __future__ import annotations

import re

LIMIT = 4096
"""Characters of somebody else's text that are passed on at most."""

# ECMA-48 sequences: CSI, OSC up to its terminator or the end of the line, and two-character escapes.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# Also what is not seen, or turns the direction of writing.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff"
    r"\U000e0000-\U000e007f]"
)


def clean(text: str, limit: int = LIMIT) -> str:
    """Remove terminal sequences and control characters, except newline and tab, and cut to `limit` characters."""
    text = _CONTROL.sub("", _ESCAPE.sub("", text[: limit * 4]))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def of_server(text: str, limit: int = LIMIT) -> str:
    """What a server wrote, clean, in no more than `limit` bytes of UTF-8."""
    return clean(text, limit).encode()[:limit].decode(errors="ignore")


def one_line(text: str, limit: int = 500) -> str:
    """The same on a single line, for use inside a sentence."""
    # Sequences first: one that lacks its end goes no further than its line.
    return clean(" ".join(_ESCAPE.sub("", text).split()), limit)


def quoted(text: str, limit: int = 120) -> str:
    """Text shown between quotes with everything unprintable escaped, for what must be seen as it was sent."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    return ascii(shown)


def counted(number: float, noun: str, plural: str = "") -> str:
    """``1 second``, ``2 seconds``, ``0.5 seconds``.

    :param noun: for one. :param plural: for all other numbers, if that is more than an s.
    """
    shown = str(round(number)) if number == round(number) else f"{number:g}"
    return f"{shown} {noun if shown == '1' else plural or noun + 's'}"


def is_variable(name: str) -> bool:
    """Whether it is a name a shell variable may have; bash exports functions under other ones."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None
