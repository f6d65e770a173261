"""Find the likely reason why a value is not visible, and what may help. Pure functions; `report` has the sentences."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.challenges import dns01
from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome, Says
from certbot_external_auth.visibility.parallel import NO_TIME
from certbot_external_auth.visibility.verdict import answered, by_place, said

CHAINING_DIALECT = "dehydrated"


@dataclass(frozen=True)
class Publisher:
    """The program or the person that published, for the sentences about it.

    :ivar who: such as ``The handler /path``.
    :ivar dialect: the handler's; empty if it is not a handler.
    :ivar chained: the handler receives all values in one call.
    """

    who: str = "The person who published"
    dialect: str = ""
    chained: bool = False


# --- reasons ---


class Fix(enum.Enum):
    """A setting that may keep a handler from replacing values."""

    NONE = enum.auto()
    CHAIN = enum.auto()
    DIALECT_AND_CHAIN = enum.auto()


@dataclass(frozen=True)
class Doubled:
    """The value stands at `name`, which has the name of the zone twice."""

    place: str
    name: str


@dataclass(frozen=True)
class Replaced:
    """Every server that answers has some of the values wanted at `name`, and none has all.

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
    """

    server: str
    address: str
    serial: int
    newest_server: str
    newest_address: str
    newest_serial: int


Reason = Doubled | Replaced | FromWildcard | Aliased | OldSerial


def reasons(
    expectations: Sequence[Expectation],
    observations: Sequence[Observation],
    clues: Sequence[Clue],
    publisher: Publisher,
) -> list[Reason]:
    """Return the likely reasons, each once; of each place the surest first."""
    seen = by_place(expectations, observations)
    names = _by_name(expectations, seen)
    found: dict[Reason, None] = {}
    for expectation in expectations:
        rows = seen[expectation.place]
        if expectation.type == dns01.TYPE and Says.NO in said(rows):
            own = [clue for clue in clues if clue.place == expectation.place]
            found.update(dict.fromkeys(_of_place(expectation.place, rows, own, names, publisher)))
    return list(found)


def _of_place(
    place: str, rows: Sequence[Observation], clues: Sequence[Clue], names: Iterable[_Name], publisher: Publisher
) -> Iterator[Reason]:
    replaced = [_replaced(name, publisher) for name in names if place in name.places and _is_replaced(name)]
    yield from _doubled(clues)
    yield from replaced
    yield from wildcards(clues)
    if not replaced:
        # A publisher that writes other values to the end of the alias knows the alias.
        yield from _aliased(rows)
    yield from _old_serials(rows, clues)


@dataclass
class _Name:
    """A name that was asked for TXT records, for one place or, as the end of aliases, for several.

    :ivar values: all that are wanted there.
    :ivar answers: the observations that say yes or no.
    """

    name: str
    places: dict[str, None] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    answers: list[Observation] = field(default_factory=list)

    @property
    def counts(self) -> list[int]:
        """The number of wanted values in each answer."""
        return [len(set(row.seen) & self.values) for row in self.answers]


def _by_name(expectations: Sequence[Expectation], seen: Mapping[str, Sequence[Observation]]) -> list[_Name]:
    found: dict[str, _Name] = {}
    for expectation in expectations:
        for row in seen[expectation.place] if expectation.type == dns01.TYPE else ():
            if row.outcome.says in (Says.YES, Says.NO):
                name = row.asked or row.place
                group = found.setdefault(name.lower(), _Name(name))
                group.places[expectation.place] = None
                group.values |= set(expectation.values)
                group.answers.append(row)
    return list(found.values())


def _is_replaced(name: _Name) -> bool:
    return all(0 < count < len(name.values) for count in name.counts)


def _replaced(name: _Name, publisher: Publisher) -> Replaced:
    aliases = [place for place in name.places if place.lower() != name.name.lower()]
    shared = tuple(aliases) if len(name.places) > 1 else ()
    return Replaced(name.name, len(name.values), name.counts[0], shared, _fix(publisher))


def _fix(publisher: Publisher) -> Fix:
    if publisher.chained or not publisher.dialect:
        return Fix.NONE
    return Fix.CHAIN if publisher.dialect == CHAINING_DIALECT else Fix.DIALECT_AND_CHAIN


def _aliased(rows: Sequence[Observation]) -> list[Aliased]:
    led_away = [row for row in rows if row.asked and row.outcome.says is Says.NO]
    return [Aliased(row.place, row.asked, row.zone) for row in led_away[:1]]


def _old_serials(rows: Sequence[Observation], clues: Sequence[Clue]) -> list[OldSerial]:
    serials = {clue.address: (int(clue.text), clue) for clue in clues if clue.found is Found.SERIAL}
    if not serials:
        return []
    first, _ = next(iter(serials.values()))
    newest, holder = max(serials.values(), key=lambda pair: _distance(pair[0], first))
    late = {row.address for row in rows if row.outcome.says is Says.NO}
    return [
        OldSerial(clue.server, address, serial, holder.server, holder.address, newest)
        for address, (serial, clue) in serials.items()
        if address in late and _distance(newest, serial) > 0
    ]


def _distance(serial: int, other: int) -> int:
    """Return how much newer a serial number is than another (RFC 1982 section 3.2); negative if it is older."""
    return (serial - other + 2**31) % 2**32 - 2**31


def wildcards(clues: Sequence[Clue]) -> list[FromWildcard]:
    """Return the reasons about values that come from a wildcard record."""
    return [FromWildcard(clue.place, clue.text) for clue in clues if clue.found is Found.WILDCARD]


def _doubled(clues: Sequence[Clue]) -> list[Doubled]:
    return [Doubled(clue.place, clue.text) for clue in clues if clue.found is Found.DOUBLED]


# --- advice ---


class Help(enum.Enum):
    """What may help."""

    MORE_TIME = enum.auto()
    """Give it more time."""
    NO_ROUTE = enum.auto()
    """This machine has no route to any of the servers: name others."""
    NO_IPV6_ROUTE = enum.auto()
    """The same, and all their addresses are IPv6."""
    SEE_TABLE = enum.auto()
    """No server said yes or no, for reasons that the table has."""
    CHECK_WEB_SERVERS = enum.auto()
    """No web server answered."""
    DNS_CLOSED = enum.auto()
    """No name server answered: the way to them may be closed."""
    OTHER_SERVERS = enum.auto()
    """The CA may ask other servers than these."""
    OFF = enum.auto()
    """Do not check at all."""


@dataclass(frozen=True)
class Advice:
    """A way to help.

    :ivar timeout: of `Help.MORE_TIME`: the seconds that were waited at most.
    """

    kind: Help
    timeout: float = 0.0


def advice(observations: Sequence[Observation], timeout: float, named: bool) -> list[Advice]:
    """Return what may help.

    :param timeout: seconds that were waited at most.
    :param named: the administrator named the servers.
    """
    found = [Advice(Help.MORE_TIME, timeout)] if Says.NO in said(observations) else []
    about_servers = _about_servers(observations, named)
    if about_servers is not None:
        found.append(Advice(about_servers))
    return [*found, Advice(Help.OFF)]


def _about_servers(observations: Sequence[Observation], named: bool) -> Help | None:
    """Return what to do about the servers that were asked, None if nothing."""
    unreachable = {row.outcome for row in observations} == {Outcome.UNREACHABLE}
    if unreachable and all(row.address for row in observations):
        ipv6 = all(row.address.startswith("[") for row in observations)
        return Help.NO_IPV6_ROUTE if ipv6 else Help.NO_ROUTE
    if answered(observations):
        return None if named else Help.OTHER_SERVERS
    if not any(map(_may_be_the_way, observations)):
        return Help.SEE_TABLE
    web = all(row.address and not row.place.startswith(dns01.txt_domain("")) for row in observations)
    return Help.CHECK_WEB_SERVERS if web else Help.DNS_CLOSED


def _may_be_the_way(row: Observation) -> bool:
    """Tell whether the way to the server may be at fault, rather than the server or the zone."""
    if row.outcome is Outcome.NOT_ASKED:
        return row.detail.startswith(NO_TIME)
    return row.outcome not in (Outcome.FAULT, Outcome.UNREACHABLE) or (not row.server and not row.address)
