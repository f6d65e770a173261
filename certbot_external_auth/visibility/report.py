"""What was seen, for people: a table, the likely reasons, and what helps. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.challenges import dns01
from certbot_external_auth.text import counted, one_line
from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome, Says
from certbot_external_auth.visibility.parallel import NO_TIME
from certbot_external_auth.visibility.verdict import answered, by_place, said

MOST_ROWS = 40
"""Addresses in a table inside an error; the log has all."""
SHOWN_VALUE = 44
"""Characters of a value in a table; a dns-01 value has 43."""
SHOWN_PLACES = 5
"""Names in a sentence about several."""
CHAINING = "dehydrated"
NAMESERVERS = "--external-auth-verify-nameservers HOST[:PORT],…"


@dataclass(frozen=True)
class Publisher:
    """Who published, for the sentences about it.

    :ivar who: such as ``The handler /path``. :ivar dialect: of a handler, else empty.
    :ivar chained: a handler is given all values in one call.
    """

    who: str = "Whoever published"
    dialect: str = ""
    chained: bool = False


def words(observation: Observation) -> str:
    """What one address answered."""
    text = "visible" if observation.outcome.says is Says.YES else observation.outcome.value.replace("_", " ")
    if observation.outcome.says is Says.NO and observation.seen:
        text += ": " + ", ".join(one_line(value, SHOWN_VALUE) for value in observation.seen)
    if observation.asked:
        text += f" at {observation.asked}"
    return text + (f" ({one_line(observation.detail)})" if observation.detail else "")


def table(
    expectations: Sequence[Expectation], observations: Sequence[Observation], most: int | None = None
) -> list[str]:
    """Lines: each place, below it server, address, outcome and seconds of each who was asked.

    :param most: rows; what is left out is counted.
    """
    seen = by_place(expectations, observations)
    cells = [
        (one.server or "-", one.address or "-", words(one), f"{one.seconds:.2f} s")
        for rows in seen.values()
        for one in rows
    ]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(2)]
    out: list[str] = []
    left = len(cells) + 1 if most is None else most
    for place, rows in seen.items():
        shown = cells[: len(rows)]
        del cells[: len(rows)]
        if left <= 0:
            continue
        out.append(place)
        out += [
            f"  {server:<{widths[0]}}  {address:<{widths[1]}}  {text}  {seconds}"
            for server, address, text, seconds in shown[:left]
        ]
        left -= len(shown)
    rows_in_all = sum(map(len, seen.values()))
    if most is not None and rows_in_all > most:
        out.append(f"  … and {counted(rows_in_all - most, 'more address', 'more addresses')}; see the log.")
    return out


def summary(seen: Mapping[str, Sequence[Observation]]) -> str:
    """One line: how far it is, and one of those who do not show it."""
    missing = {place: rows for place, rows in seen.items() if said(rows) != {Says.YES}}
    text = f"{len(seen) - len(missing)} of {len(seen)} visible at every address"
    for place, rows in missing.items():
        for one in rows:
            if one.outcome.says in (Says.NO, Says.UNCLEAR):
                return f"{text}; {place} at {one.server or '-'} {one.address or '-'}: {words(one)}"
    return text


# --- reasons ---


def reasons(
    expectations: Sequence[Expectation],
    observations: Sequence[Observation],
    clues: Sequence[Clue],
    publisher: Publisher,
) -> list[str]:
    """Sentences about what most likely is wrong, each once, the surest first."""
    seen = by_place(expectations, observations)
    names = _by_name(expectations, seen)
    found: list[str] = []
    for one in expectations:
        rows = seen[one.place]
        if Says.NO not in said(rows) or one.type != dns01.TYPE:
            continue
        own = [clue for clue in clues if clue.place == one.place]
        replaced = [text for name in names if one.place in name.places for text in _replaced(name, publisher)]
        found += [
            *_doubled(own),
            *replaced,
            *wildcard(own),
            # Where others' values stand at the end of the alias, the alias is no news to whoever wrote them.
            *([] if replaced else _elsewhere(rows, publisher)),
            *_old_serial(rows, own),
        ]
    return list(dict.fromkeys(found))


@dataclass
class _Name:
    """A name at which TXT records are looked for, for one place or, where it is the end of aliases, for several.

    :ivar values: all that are wanted there. :ivar answers: of who said yes or no.
    """

    name: str
    places: dict[str, None] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    answers: list[Observation] = field(default_factory=list)


def _by_name(expectations: Sequence[Expectation], seen: Mapping[str, Sequence[Observation]]) -> list[_Name]:
    found: dict[str, _Name] = {}
    for one in expectations:
        for row in seen[one.place] if one.type == dns01.TYPE else ():
            if row.outcome.says in (Says.YES, Says.NO):
                name = row.asked or row.place
                group = found.setdefault(name.lower(), _Name(name))
                group.places[one.place] = None
                group.values |= set(one.values)
                group.answers.append(row)
    return list(found.values())


def _replaced(name: _Name, publisher: Publisher) -> list[str]:
    """Several values are wanted at a name, and every address that answers has some of them, never all."""
    there = [len(set(row.seen) & name.values) for row in name.answers]
    if not all(0 < count < len(name.values) for count in there):
        return []
    chains = (
        " --external-auth-hook-chain yes mends it if the hook knows chains."
        if publisher.dialect == CHAINING
        else " If it is a hook of Dehydrated's that knows chains, --external-auth-dialect dehydrated with "
        "--external-auth-hook-chain yes mends it."
    )
    chains = "" if publisher.chained or not publisher.dialect else chains
    aliases = [place for place in name.places if place.lower() != name.name.lower()]
    shown = ", ".join([*aliases[:SHOWN_PLACES], *(["…"] if len(aliases) > SHOWN_PLACES else [])])
    why = (
        "Base name and wildcard share the name"
        if len(name.places) == 1
        else f"{shown} {'is an alias' if len(aliases) == 1 else 'are aliases'} (CNAME) of that name"
    )
    return [
        f"{len(name.values)} values are wanted at {name.name}, and only {there[0]} of them "
        f"{'is' if there[0] == 1 else 'are'} there: {publisher.who} replaces what stands at the name instead of adding "
        f"to it. {why}, so {'both' if len(name.values) == 2 else 'all'} values must stay.{chains}"
    ]


def _elsewhere(rows: Sequence[Observation], publisher: Publisher) -> list[str]:
    for row in rows:
        if row.asked and row.outcome.says is Says.NO:
            zone = f", in the zone {row.zone}" if row.zone else ""
            return [
                f"{row.place} is an alias (CNAME) of {row.asked}: the record must stand there{zone}. {publisher.who} "
                "may have written it at the name itself, or into another zone."
            ]
    return []


def _old_serial(rows: Sequence[Observation], clues: Sequence[Clue]) -> list[str]:
    serials = {clue.address: (int(clue.text), clue) for clue in clues if clue.found is Found.SERIAL}
    if not serials:
        return []
    newest, newest_clue = max(serials.values(), key=lambda pair: _distance(pair[0], next(iter(serials.values()))[0]))
    late = {row.address for row in rows if row.outcome.says is Says.NO}
    return [
        f"{clue.server} ({address}) still has the zone with serial {number}, while {newest_clue.server} "
        f"({newest_clue.address}) has {newest}: the zone has not reached it yet. See that it is notified and may "
        "transfer the zone."
        for address, (number, clue) in serials.items()
        if address in late and _distance(newest, number) > 0
    ]


def _distance(one: int, other: int) -> int:
    """How much newer a serial number is than another (RFC 1982 section 3.2), negative if it is older."""
    return (one - other + 2**31) % 2**32 - 2**31


def wildcard(clues: Sequence[Clue]) -> list[str]:
    """Sentences about what comes from no record of the name's own."""
    return [
        f"What is seen at {clue.place} comes from the wildcard record {clue.text}, not from a record of that name: "
        "nothing has been written there."
        for clue in clues
        if clue.found is Found.WILDCARD
    ]


def _doubled(clues: Sequence[Clue]) -> list[str]:
    return [
        f"The value stands at {clue.text}, where the zone's name is there twice: the name was taken as relative to the "
        f"zone. Write it with a dot at its end ({clue.place}.), or without the zone's name."
        for clue in clues
        if clue.found is Found.DOUBLED
    ]


# --- what helps ---


def advice(observations: Sequence[Observation], timeout: float, named: bool) -> list[str]:
    """Which flags help.

    :param timeout: seconds that were waited at most. :param named: the servers were named by the administrator.
    """
    outcomes = {one.outcome for one in observations}
    found = []
    if any(outcome.says is Says.NO for outcome in outcomes):
        found.append(f"If it only needs more time, give it with --external-auth-verify-timeout (now {timeout:.0f}).")
    if outcomes == {Outcome.UNREACHABLE} and all(one.address for one in observations):
        ipv6 = "IPv6 " if all(one.address.startswith("[") for one in observations) else ""
        found.append(
            f"This machine has no {ipv6}route to any of the servers; others that it can reach may be named with "
            f"{NAMESERVERS}"
        )
    elif not answered(observations) and not any(map(_hints_at_the_way, observations)):
        found.append(
            f"Nobody said whether it is there; the table tells why. Servers that are to be asked: {NAMESERVERS}"
        )
    elif not answered(observations):
        web = all(one.address and not one.place.startswith(dns01.txt_domain("")) for one in observations)
        found.append(
            "Nobody answered: see that these servers run, and that this machine may connect to them."
            if web
            else "Nobody answered, as where outgoing port 53 is closed: name servers, or a resolver, that this machine "
            f"may ask with {NAMESERVERS}"
        )
    elif not named:
        found.append(
            f"If the CA asks other servers than these (a private CA, a split horizon), name them with {NAMESERVERS}"
        )
    found.append("--external-auth-verify off asks the CA without looking.")
    return found


def _hints_at_the_way(one: Observation) -> bool:
    """Whether the way to a server may be what is wrong, rather than what the server or the zone said."""
    if one.outcome is Outcome.NOT_ASKED:
        return one.detail.startswith(NO_TIME)
    return one.outcome not in (Outcome.FAULT, Outcome.UNREACHABLE) or (not one.server and not one.address)


def worst_first(expectations: Sequence[Expectation], observations: Sequence[Observation]) -> list[Expectation]:
    """The expectations that are not seen everywhere, those about which somebody says no at the front."""
    seen = by_place(expectations, observations)
    missing = [one for one in expectations if said(seen[one.place]) != {Says.YES}]
    return sorted(missing, key=lambda one: Says.NO not in said(seen[one.place]))
