"""Reads the lines of a file of routes. Pure functions.

configparser of the standard library does not say in which line a key stands, joins indented lines to the one above, and
turns a section DEFAULT into keys of all others. A mistake here would publish for a name in the wrong place, so every
line is a section, a key with its value, a comment or empty.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.challenges import guard
from certbot_external_auth.endpoint import is_address
from certbot_external_auth.routes.keys import CHALLENGE, KEYS, PUBLISHERS
from certbot_external_auth.routes.problem import Kind, Problem

REST = "*"
"""The section for all names that no other one is for."""
_BLANKS = " \t\r"


@dataclass(frozen=True)
class Value:
    """A value, and the number of its line."""

    line: int
    text: str


@dataclass(frozen=True)
class Section:
    """One route.

    :ivar name: a domain or an address as identifiers have it, or `REST`.
    """

    name: str
    line: int
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def types(self) -> tuple[str, ...]:
        """The challenge types that it names, in order; empty if it names none."""
        value = self.values.get(CHALLENGE)
        return () if value is None else tuple(dict.fromkeys(value.text.replace(",", " ").split()))


def parse(text: str) -> tuple[list[Section], list[Problem]]:
    """Return the sections of a file, and everything that is wrong with it."""
    reader = _Reader()
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        reader.take(number, line.strip(_BLANKS))
    return reader.sections, [*reader.problems, *_incomplete(reader.sections, reader.problems)]


class _Reader:
    """Takes one line after the other.

    :ivar sections: the last one is open. That of a wrong name is read, too, and nothing uses it.
    """

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.problems: list[Problem] = []
        self._values: dict[str, Value] | None = None

    def take(self, number: int, line: str) -> None:
        """Read a line."""
        if not line or line[0] in "#;":
            return
        key, equals, value = line.partition("=")
        if line[0] == "[" and line[-1] == "]":
            self._open(number, line[1:-1].strip(_BLANKS))
        elif line[0] == "[" or not equals or not key or "\0" in line:
            self._wrong(Kind.NO_LINE, number, text=line)
        else:
            self._put(number, key.rstrip(_BLANKS), value.lstrip(_BLANKS))

    def _open(self, number: int, written: str) -> None:
        name = _name(written)
        first = next((one.line for one in self.sections if one.name == name), None)
        self._values = {}
        if name is None:
            self._wrong(Kind.NO_DOMAIN, number, section=written, text=_instead(written))
        elif first is not None:
            self._wrong(Kind.SECTION_TWICE, number, section=name, text=str(first))
        else:
            self.sections.append(Section(name, number, self._values))

    def _put(self, number: int, key: str, text: str) -> None:
        if self._values is None:
            self._wrong(Kind.BEFORE_SECTION, number, key=key)
        elif key not in KEYS:
            close = difflib.get_close_matches(key.lower().replace("_", "-"), KEYS, n=1, cutoff=0.6)
            self._wrong(Kind.UNKNOWN_KEY, number, key=key, text="".join(close))
        elif key in self._values:
            self._wrong(Kind.KEY_TWICE, number, key=key, text=str(self._values[key].line))
        else:
            self._values[key] = Value(number, text)
            if not (text.replace(",", " ").strip() if key == CHALLENGE else text):
                self._wrong(Kind.NO_VALUE, number, key=key)

    def _wrong(self, kind: Kind, number: int, **facts: str) -> None:
        self.problems.append(Problem(kind, number, facts))


def _name(written: str) -> str | None:
    """Return a section's name as identifiers have it; None if it is not one."""
    name = guard.base_name(written) if written.isascii() and not written.startswith("*.") else ""
    if is_address(name):
        name = str(ipaddress.ip_address(name))
        return name if guard.well_formed(name, "ip") else None
    return name if name == REST or guard.well_formed(name, "dns") else None


def _instead(written: str) -> str:
    """Return the name that was probably meant; empty if there is none."""
    name = written.lower().removeprefix("*").strip(".")
    return name if name != REST and _name(name) is not None else ""


def _incomplete(sections: Sequence[Section], problems: Sequence[Problem]) -> list[Problem]:
    """Return what is wrong with whole sections: each names exactly one publisher."""
    if not sections and not problems:
        return [Problem(Kind.NO_SECTION)]
    found = []
    for one in sections:
        if publishers(one) != 1:
            kind = Kind.TWO_PUBLISHERS if publishers(one) else Kind.NO_PUBLISHER
            found.append(Problem(kind, one.line, {"section": one.name}))
    return found


def publishers(section: Section) -> int:
    """Return how many publishers a section names."""
    return len(section.values.keys() & set(PUBLISHERS))
