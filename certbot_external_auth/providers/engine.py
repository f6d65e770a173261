"""What engines say about themselves and about providers, as data; `wording` has the words. Pure functions.

The contract is `contract.IProviderEngine`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variable:
    """A setting of a provider.

    :ivar description: the engine's own.
    :ivar group: variables of the same group are needed together, and one complete group is enough; None if the
        provider does not need it.
    """

    name: str
    description: str = ""
    group: int | None = 0


@dataclass(frozen=True)
class Provider:
    """A provider that an engine knows.

    :ivar name: the word behind the engine's name; empty if the engine has only one provider.
    :ivar title: its name for people.
    :ivar url: documentation of this provider; empty if it is not known.
    :ivar refused: why it cannot be used through this engine; None if it can.
    """

    name: str
    title: str = ""
    url: str = ""
    variables: tuple[Variable, ...] = ()
    refused: Problem | None = None


@dataclass(frozen=True)
class Missing:
    """What an engine needs, and this machine does not have.

    :ivar what: the program or library.
    :ivar commands: command lines, each of which installs it on this machine.
    :ivar why: what was tried; empty if it is simply not there.
    """

    what: str
    commands: tuple[str, ...] = ()
    why: str = ""


class Kind(enum.Enum):
    """Why a provider cannot be used. The comment says which facts belong to it."""

    ENGINE_MISSING = enum.auto()
    """what, commands, why"""
    NAME_MISSING = enum.auto()
    """The engine has many providers, and none is named."""
    NAME_NOT_NEEDED = enum.auto()
    """name: what stands behind an engine that has one provider."""
    UNKNOWN_PROVIDER = enum.auto()
    """name, near: the nearest names of this engine, others: ENGINE:NAME of other engines that know it"""
    REFUSED = enum.auto()
    """name, why: a sentence's end, instead: ENGINE:NAME of other engines that can"""
    VARIABLE_MISSING = enum.auto()
    """name, description"""
    VARIABLE_WRONG = enum.auto()
    """name, why: what is accepted"""
    NONE_SET = enum.auto()
    """names: all variables of a provider that does not say which of them it needs"""
    SAID = enum.auto()
    """text: the engine's own words"""
    SECRETS_READABLE = enum.auto()
    """path"""
    OTHER = enum.auto()
    """text: a whole sentence"""


@dataclass(frozen=True)
class Problem:
    """One reason why a provider cannot be used now.

    :ivar facts: see `Kind`. Lists are tuples.
    """

    kind: Kind
    facts: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def missing(variables: Sequence[Variable], settings: Mapping[str, str]) -> list[Variable]:
    """Return the variables that must be added to the settings; empty if one group of them is complete.

    Of several groups that are not complete, this returns what the fullest one lacks.
    """
    groups: dict[int, list[Variable]] = {}
    for variable in variables:
        if variable.group is not None:
            groups.setdefault(variable.group, []).append(variable)
    lacking = {key: [one for one in group if not settings.get(one.name)] for key, group in groups.items()}
    begun = [key for key, group in groups.items() if len(lacking[key]) < len(group)]
    return min((lacking[key] for key in begun or groups), key=len, default=[]) if all(lacking.values()) else []
