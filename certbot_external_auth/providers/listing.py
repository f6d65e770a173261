"""What this machine can use: every engine, every provider that it knows, and whether it can be used here."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.errors import UsageError
from certbot_external_auth.providers import elsewhere, registry
from certbot_external_auth.providers.engine import Missing, Provider, Variable, missing

PREFERRED = ("certbot", "acme.sh", "lego", "lexicon", "httpreq")
"""Engines that reach the same provider, best first. A plugin of Certbot was installed for just this provider. acme.sh
is told the record's name, so it carries every type of challenge by DNS. lego has the most tests. Engines of other
packages come last, since nothing is known of them."""


class State(enum.IntEnum):
    """Whether a provider can be used here; the smaller, the sooner."""

    READY = enum.auto()
    """Its engine is installed, and every variable that it needs is set."""
    VARIABLES_MISSING = enum.auto()
    ENGINE_MISSING = enum.auto()
    REFUSED = enum.auto()


class Match(enum.IntEnum):
    """How well a provider fits a word; the smaller, the better."""

    NAME = enum.auto()
    TITLE = enum.auto()
    PART = enum.auto()
    """The word is a part of its name or its title."""


_EXACT = (Match.NAME, Match.TITLE)
_GENERIC = ("api", "dns", "server", "service")
"""Words at the end of titles that do not tell one provider from another."""


@dataclass(frozen=True)
class Engine:
    """An engine on this machine.

    :ivar lacking: what must be installed; None if it can be used.
    :ivar problem: why it cannot be loaded, as a sentence; empty if it can.
    """

    name: str
    lacking: Missing | None = None
    problem: str = ""


@dataclass(frozen=True)
class Row:
    """A provider, as one engine reaches it.

    :ivar lacking: the variables that it still needs.
    :ivar undecided: the engine does not say which variables it needs, and none is set.
    """

    engine: Engine
    provider: Provider
    lacking: tuple[Variable, ...] = ()
    undecided: bool = False

    @property
    def value(self) -> str:
        """What stands behind the flag ``--external-auth-provider``."""
        return f"{self.engine.name}:{self.provider.name}" if self.provider.name else self.engine.name

    @property
    def state(self) -> State:
        if self.provider.refused is not None:
            return State.REFUSED
        if self.engine.lacking is not None:
            return State.ENGINE_MISSING
        return State.VARIABLES_MISSING if self.lacking or self.undecided else State.READY


def collect(settings: Mapping[str, str], names: Sequence[str]) -> tuple[list[Engine], list[Row]]:
    """Ask engines what they know. Of one that is not installed, only names of providers are known."""
    engines, rows = [], []
    for name in names:
        engine, found = _asked(name, settings)
        engines.append(engine)
        rows += found
    return engines, rows


def _asked(name: str, settings: Mapping[str, str]) -> tuple[Engine, list[Row]]:
    try:
        made = registry.engine(name, settings)
        lacking = made.installed()
        known = made.providers() if lacking is None else elsewhere.providers(name)
    except UsageError as error:
        # It belongs to another package, and one that is broken must not hide the others.
        return Engine(name, problem=" ".join(error.problems)), []
    engine = Engine(name, lacking)
    return engine, [_row(engine, each, settings) for each in known]


def _row(engine: Engine, provider: Provider, settings: Mapping[str, str]) -> Row:
    names = [one.name for one in provider.variables]
    optional = bool(names) and all(one.group is None for one in provider.variables)
    undecided = optional and not any(map(settings.get, names))
    return Row(engine, provider, tuple(missing(provider.variables, settings)), undecided)


def matching(rows: Sequence[Row], word: str) -> list[tuple[Match, Row]]:
    """Return the providers that fit a word, the best first; all of them, in their order, if the word is empty."""
    if not word:
        return [(Match.PART, row) for row in rows]
    matches = [_match(row.provider, word) for row in rows]
    # lego has no titles. What one engine calls by this title, another one may have under the same name.
    meant = {key(row.provider.name) for row, match in zip(rows, matches, strict=True) if match in _EXACT}
    found = [
        (Match.TITLE if match not in _EXACT and key(row.provider.name) in meant else match, row)
        for row, match in zip(rows, matches, strict=True)
    ]
    fitting = [(match, row) for match, row in found if match is not None]
    return sorted(fitting, key=lambda each: (each[0] not in _EXACT, *_order(each[1]), each[1].provider.name))


def _match(provider: Provider, word: str) -> Match | None:
    wanted = key(word)
    if not wanted:
        return None
    if wanted == key(provider.name):
        return Match.NAME
    if wanted in _keys(provider.title):
        return Match.TITLE
    return Match.PART if any(wanted in key(text) for text in (provider.name, provider.title)) else None


def _keys(title: str) -> set[str]:
    """Return the keys of a title: as it is, without words that say nothing, and without the end of a domain."""
    words = title.lower().split()
    while words and words[-1] in _GENERIC:
        words.pop()
    short = " ".join(words)
    return {key(title), key(short), key(short.rpartition(".")[0])} - {""}


def key(text: str) -> str:
    """Return what names of one provider have in common in all engines: ``dns-``, blanks and signs are left out."""
    return re.sub(r"[^a-z0-9]", "", text.lower().removeprefix("dns-"))


def best(found: Sequence[tuple[Match, Row]]) -> Row | None:
    """Return the provider to take of those that fit a word; None if none can be used, or several providers fit.

    One with just this name counts before one with it in its name. Then the one counts that needs the least: one that is
    ready, then one that lacks variables, then one whose engine is not installed. Then engines count as in `PREFERRED`.
    """
    usable = [(match, row) for match, row in found if row.state is not State.REFUSED]
    exact = [row for match, row in usable if match in _EXACT]
    of_one = exact or ([row for _, row in usable] if len({key(row.provider.name) for _, row in usable}) == 1 else [])
    return min(of_one, key=_order, default=None)


def _order(row: Row) -> tuple[int, int, str]:
    engine = row.engine.name
    place = PREFERRED.index(engine) if engine in PREFERRED else len(PREFERRED)
    return row.state, place, engine
