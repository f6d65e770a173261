"""What can be wrong with a file of routes, as values. `wording` has the sentences."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.errors import UsageError


class Kind(enum.Enum):
    """What is wrong, and which facts say more about it."""

    UNREADABLE = enum.auto()
    """`text`: why."""
    UNTRUSTED = enum.auto()
    """`text`: a sentence with the fix."""
    NO_SECTION = enum.auto()
    """The file has none."""
    NO_LINE = enum.auto()
    """`text`: a line that is neither a section nor a key with a value."""
    BEFORE_SECTION = enum.auto()
    """`key`: stands before the first section."""
    NO_DOMAIN = enum.auto()
    """`section`; `text`: the name to write instead, if there is one."""
    SECTION_TWICE = enum.auto()
    """`section`; `text`: the line of the first one."""
    KEY_TWICE = enum.auto()
    """`key`; `text`: the line of the first one."""
    UNKNOWN_KEY = enum.auto()
    """`key`; `text`: the nearest key, if one is near."""
    NO_VALUE = enum.auto()
    """`key`"""
    NO_PUBLISHER = enum.auto()
    """`section`"""
    TWO_PUBLISHERS = enum.auto()
    """`section`"""
    UNKNOWN_TYPE = enum.auto()
    """`text`: what was written; `more`: the nearest challenge type, if one is near."""
    NOT_CARRIED = enum.auto()
    """`text`: a challenge type; `who`: what cannot carry it; `more`: the types that it carries."""
    NOT_PREFERRED = enum.auto()
    """`text`: the challenge types of the route; `more`: those of --preferred-challenges."""
    WRONG = enum.auto()
    """`text`: a sentence about a value, or about two values that do not fit."""
    UNUSABLE = enum.auto()
    """`section`; `text`: a sentence about what the route names."""
    NO_ROUTE = enum.auto()
    """`text`: names, none of which has a route."""


@dataclass(frozen=True)
class Problem:
    """One mistake.

    :ivar line: its number in the file, from 1; 0 if it concerns the whole file.
    :ivar facts: see `Kind`.
    """

    kind: Kind
    line: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)


class RoutesError(UsageError):
    """A file of routes cannot be used.

    :param path: of the file.
    """

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        from certbot_external_auth.routes import wording

        self.path = path
        self.found = tuple(sorted(problems, key=lambda one: one.line))
        super().__init__([wording.sentence(path, one) for one in self.found])
