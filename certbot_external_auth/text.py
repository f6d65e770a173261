"""Makes text of handlers, drivers and servers safe for logs, terminals and JSON lines; logs warnings only once."""

from __future__ import annotations

import datetime
import functools
import logging
import re
from collections.abc import Hashable

MAX_CHARACTERS = 4096
"""Longest text, in characters, that is passed on."""

_seen: set[Hashable] = set()
# ECMA-48 sequences: CSI, OSC up to its terminator or the end of the line, and escapes of two characters.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# Control characters, invisible characters, and those that reverse the direction of writing.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff"
    r"\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Remove terminal sequences and control characters except newline and tab, and cut to `limit` characters."""
    text = _CONTROL.sub("", _ESCAPE.sub("", text[: limit * 4]))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str) -> str:
    """Write the bytes of a name that is not UTF-8 as ``\\xNN``: Python has surrogates for them, which no file takes."""
    return _SURROGATE.sub(_escaped, text)


def _escaped(surrogate: re.Match[str]) -> str:
    number = ord(surrogate[0])
    # PEP 383: the byte is in the last eight bits.
    return f"\\x{number & 0xFF:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"


class _Printable(logging.Handler):
    """Makes each message printable for the handlers that get it later, such as that of Certbot's log file."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if _SURROGATE.search(message):
            record.msg, record.args = printable(message), ()


@functools.cache
def make_logs_printable() -> None:
    """Make what the plugin logs printable. MUST only be called if Certbot has set up its own handlers."""
    # The handlers of a package come before those of Certbot, which are the root's.
    logging.getLogger(__package__).addHandler(_Printable())


def of_server(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Clean a server's text, and cut it to `limit` bytes of UTF-8."""
    return clean(text, limit).encode()[:limit].decode(errors="ignore")


def one_line(text: str, limit: int = 500) -> str:
    """Clean a text and put it on a single line of `limit` characters, for use inside a sentence."""
    # Remove sequences before lines are joined: one without an end then takes only the rest of its own line.
    return clean(" ".join(_ESCAPE.sub("", text).split()), limit)


def quoted(text: str, limit: int = 120) -> str:
    """Quote a text of at most `limit` characters, and escape what cannot be printed, to show it as it was sent."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    return ascii(shown)


def counted(number: float, noun: str, plural: str = "") -> str:
    """Write a number with its noun, as in ``1 second``, ``2 seconds``, ``0.5 seconds``.

    :param noun: in the singular.
    :param plural: if it is not the noun with an s.
    """
    shown = str(round(number)) if number == round(number) else f"{number:g}"
    return f"{shown} {noun if shown == '1' else plural or noun + 's'}"


def rfc3339(moment: datetime.datetime) -> str:
    """Write a moment as RFC 3339, section 5.6, has it: in UTC, to the millisecond."""
    utc = moment.astimezone(datetime.timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def first_time(key: Hashable) -> bool:
    """Tell whether this is the first call with a key in this process."""
    new = key not in _seen
    _seen.add(key)
    return new


def say_once(logger: logging.Logger, warning: str) -> None:
    """Log a warning, unless this process has logged the same one before."""
    if first_time(warning):
        logger.warning("%s", warning)


def flag_words(lineage: str) -> list[str]:
    """Return the words that name a lineage on Certbot's command line."""
    # A second word that begins with a dash would be another flag.
    return [f"--cert-name={lineage}"] if lineage.startswith("-") else ["--cert-name", lineage]
