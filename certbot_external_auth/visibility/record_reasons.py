"""Find the likely reason why a TXT record is not visible. Pure functions; `report` has the sentences."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.challenges import TXT_TYPES
from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Says
from certbot_external_auth.visibility.near_miss import Miss, NearMiss, compare
from certbot_external_auth.visibility.publisher import Publisher

CHAINING_DIALECT = "dehydrated"


class Fix(enum.Enum):
    """A setting that may keep a handler from replacing values."""

    NONE = enum.auto()
    CHAIN = enum.auto()
    DIALECT_AND_CHAIN = enum.auto()


@dataclass(frozen=True)
class Nearly:
    """A value that is wanted at `place` stands there with a difference, or at another name."""

    place: str
    miss: NearMiss


@dataclass(frozen=True)
class Replaced:
    """Every server that answers has the value of `name` that was published last, and nothing else.

    :ivar wanted, there: numbers of values.
    :ivar aliases: the places that lead to `name`; empty if the values are all for one place.
    :ivar fix: the setting that may help.
    """

    name: str
    wanted: int
    there: int
    aliases: tuple[str, ...] = ()
    fix: Fix = Fix.NONE


@dataclass(frozen=True)
class FirstOnly:
    """A handler that receives all `wanted` values of `name` in one call published the first one only."""

    name: str
    wanted: int


@dataclass(frozen=True)
class FromWildcard:
    """The values seen at `place` come from the wildcard record `record`."""

    place: str
    record: str


@dataclass(frozen=True)
class Aliased:
    """`place` is an alias of `target`, which does not have the record.

    :ivar zone: of the target; empty if it is not known.
    """

    place: str
    target: str
    zone: str = ""


@dataclass(frozen=True)
class OldSerial:
    """A server has an older copy of the zone than another one.

    :ivar server, address, serial: of the older copy.
    :ivar newest_server, newest_address, newest_serial: of the newest copy.
    :ivar zone: empty if it is not known.
    """

    server: str
    address: str
    serial: int
    newest_server: str
    newest_address: str
    newest_serial: int
    zone: str = ""


@dataclass(frozen=True)
class Remembered:
    """A resolver gives an answer again that it was given before.

    :ivar seconds: for how long it does so at most.
    """

    server: str
    address: str
    seconds: int


Reason = Nearly | Replaced | FirstOnly | FromWildcard | Aliased | OldSerial | Remembered


def reasons(
    expectations: Sequence[Expectation],
    seen: Mapping[str, Sequence[Observation]],
    clues: Sequence[Clue],
    publisher: Publisher,
) -> Iterator[Reason]:
    """Yield the likely reasons, of each place the surest first.

    :param seen: the observations of each place.
    """
    names = _by_name(expectations, seen)
    for expectation in expectations:
        rows = [row for row in seen[expectation.place] if row.outcome.says in (Says.YES, Says.NO)]
        if expectation.type in TXT_TYPES and any(row.outcome.says is Says.NO for row in rows):
            own = [clue for clue in clues if clue.place == expectation.place]
            yield from _of_place(expectation, rows, own, names, publisher)


def _of_place(
    wanted: Expectation,
    rows: Sequence[Observation],
    clues: Sequence[Clue],
    names: Sequence[_Name],
    publisher: Publisher,
) -> Iterator[Reason]:
    near = list(_near(wanted, rows, clues, names))
    partly = [reason for name in names if wanted.place in name.places for reason in _partly(name, publisher)]
    yield from near
    yield from partly
    yield from wildcards(clues)
    here = [each for each in near if not each.miss.name]
    if not partly and not here:
        # A publisher that writes other values to the end of the alias knows the alias.
        yield from _aliased(rows, clues)
    yield from _old_serials(rows, clues)
    yield from _remembered(rows)


@dataclass
class _Name:
    """A name that was asked for TXT records, for one place or, as the end of aliases, for several.

    :ivar values: all that are wanted there, in the order in which they were published.
    :ivar answers: the observations that say yes or no.
    """

    name: str
    places: dict[str, None] = field(default_factory=dict)
    values: dict[str, None] = field(default_factory=dict)
    answers: list[Observation] = field(default_factory=list)

    def is_all(self, value: str, alone: bool) -> bool:
        """Tell whether every answer has this one of the wanted values.

        :param alone: and no other value either.
        """
        there = [{one for one in row.seen if alone or one in self.values} for row in self.answers]
        return all(each == {value} for each in there) and not (alone and any(row.more for row in self.answers))


def _by_name(expectations: Sequence[Expectation], seen: Mapping[str, Sequence[Observation]]) -> list[_Name]:
    found: dict[str, _Name] = {}
    for expectation in expectations:
        for row in seen[expectation.place] if expectation.type in TXT_TYPES else ():
            if row.outcome.says in (Says.YES, Says.NO):
                name = row.asked or row.place
                group = found.setdefault(name.lower(), _Name(name))
                group.places[expectation.place] = None
                group.values.update(dict.fromkeys(expectation.values))
                group.answers.append(row)
    return list(found.values())


def _near(
    wanted: Expectation, rows: Sequence[Observation], clues: Sequence[Clue], names: Sequence[_Name]
) -> Iterator[Nearly]:
    twice = {clue.text: clue.values for clue in clues if clue.found is Found.DOUBLED}
    beside = {
        name.name: [value for row in name.answers for value in row.seen]
        for name in names
        if wanted.place not in name.places
    }
    found: dict[tuple[str, Miss], NearMiss] = {}
    for row in rows:
        if row.outcome.says is Says.NO:
            for miss in compare(wanted.values, row.seen, twice, beside).near:
                found.setdefault((miss.wanted, miss.kind), miss)
    yield from (Nearly(wanted.place, miss) for miss in found.values())


def _partly(name: _Name, publisher: Publisher) -> list[Reason]:
    """Return why only one of several values is there; nothing is certain if a person has not published all yet."""
    first, last = next(iter(name.values), ""), next(reversed(name.values), "")
    if len(name.values) < 2 or publisher.person:
        return []
    if publisher.chained and name.is_all(first, alone=False):
        return [FirstOnly(name.name, len(name.values))]
    if not name.is_all(last, alone=True):
        return []
    aliases = [place for place in name.places if place.lower() != name.name.lower()]
    shared = tuple(aliases) if len(name.places) > 1 else ()
    return [Replaced(name.name, len(name.values), 1, shared, _fix(publisher))]


def _fix(publisher: Publisher) -> Fix:
    if publisher.chained or not publisher.dialect:
        return Fix.NONE
    return Fix.CHAIN if publisher.dialect == CHAINING_DIALECT else Fix.DIALECT_AND_CHAIN


def _aliased(rows: Sequence[Observation], clues: Sequence[Clue]) -> list[Aliased]:
    led_away = [row for row in rows if row.asked and row.outcome.says is Says.NO]
    ends = [clue for clue in clues if clue.found is Found.END]
    if ends:
        found = [Aliased(clue.place, clue.text, clue.zone) for clue in ends[:1]]
    else:
        found = [Aliased(row.place, row.asked, row.zone) for row in led_away[:1]]
    return [each for each in found if each.target != each.place.lower()]


def _old_serials(rows: Sequence[Observation], clues: Sequence[Clue]) -> Iterator[OldSerial]:
    serials = [clue for clue in clues if clue.found is Found.SERIAL]
    late = [row for row in rows if row.outcome.says is Says.NO]
    for zone in dict.fromkeys(clue.zone for clue in serials):
        # The numbers of two zones have nothing to do with each other.
        of_zone = {clue.address: clue for clue in serials if clue.zone == zone}
        first = int(next(iter(of_zone.values())).text)
        newest = max(of_zone.values(), key=lambda clue: _distance(int(clue.text), first))
        for clue in of_zone.values():
            denies = any(row.address == clue.address and row.zone in (zone, "") for row in late)
            if denies and _distance(int(newest.text), int(clue.text)) > 0:
                yield OldSerial(
                    clue.server,
                    clue.address,
                    int(clue.text),
                    newest.server,
                    newest.address,
                    int(newest.text),
                    zone,
                )


def _distance(serial: int, other: int) -> int:
    """Return how much newer a serial number is than another (RFC 1982 section 3.2); negative if it is older."""
    return (serial - other + 2**31) % 2**32 - 2**31


def _remembered(rows: Iterable[Observation]) -> Iterator[Remembered]:
    for row in rows:
        if row.outcome.says is Says.NO and row.keeps:
            yield Remembered(row.server, row.address, row.keeps)


def wildcards(clues: Sequence[Clue]) -> list[FromWildcard]:
    """Return the reasons about values that come from a wildcard record."""
    return [FromWildcard(clue.place, clue.text) for clue in clues if clue.found is Found.WILDCARD]
