"""Look up the CAA records that count for names, at the name servers of their zones (RFC 8659 section 3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.endpoint import parse
from certbot_external_auth.permission import caa
from certbot_external_auth.permission.caa import Record
from certbot_external_auth.visibility import Observation, Outcome, parallel
from certbot_external_auth.visibility.dns import wire
from certbot_external_auth.visibility.dns.pending import UNREADABLE
from certbot_external_auth.visibility.dns.reply import Question
from certbot_external_auth.visibility.probe import DNS_PORT

Ask = Callable[[Sequence[str], str, float], list[Observation]]
"""A function that asks the authorities of names for records of a type; see `dns.probe.Probe.records`."""
_SILENT = (Outcome.TIMEOUT, Outcome.CONNECTION_REFUSED)
_ERRORS = (*_SILENT, Outcome.SERVFAIL, Outcome.REFUSED, Outcome.NOT_AUTHORITATIVE)
"""Answers after which a CA must not issue, if no other server of the zone gives a better one."""


@dataclass(frozen=True)
class Standing:
    """The CAA records that count for a name, as some servers have them.

    :ivar owner: the name that they stand at, which may be the end of aliases.
    :ivar records: empty if no name up to the root has any.
    :ivar servers: those that say so; empty if all do.
    """

    owner: str = ""
    records: tuple[Record, ...] = ()
    servers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unanswered:
    """The name servers of a name do not answer the question, though a CA needs the answer.

    :ivar rows: what each of them did.
    """

    owner: str
    rows: tuple[Observation, ...]


Told = tuple[Standing, ...] | Unanswered | None
"""What is known about a name: records, several if the servers differ; an error; None if this machine cannot say."""


def look(names: Collection[str], ask: Ask, until: float) -> dict[str, Told]:
    """Return what counts for each name. All are asked about at the same time, one step to the root after the other.

    :param names: those of certificates, without ``*.``
    """
    ways = {name: list(caa.climb(name)) for name in names}
    known: dict[str, Told | tuple[()]] = {}
    while left := {way[0] for way in ways.values() if way and way[0] not in known}:
        known.update(_told(sorted(left), ask, until))
        for way in ways.values():
            while way and known.get(way[0]) == ():
                del way[0]
    return {name: known[way[0]] if way else (Standing(),) for name, way in ways.items()}


def _told(names: Sequence[str], ask: Ask, until: float) -> Mapping[str, Told | tuple[()]]:
    """Return what is known at each name itself; an empty tuple if it has no record."""
    rows: dict[str, list[Observation]] = {name: [] for name in names}
    for row in ask(names, "CAA", until):
        rows[row.place].append(row)
    errors = {name: [row for row in found if _counts(row)] for name, found in rows.items()}
    deaf = _deaf({name: found for name, found in errors.items() if len(found) == len(rows[name])}, until)
    return {name: _judged(name, found, errors[name], name in deaf) for name, found in rows.items()}


def _counts(row: Observation) -> bool:
    """Tell whether a row is an error of a server of the zone. One that the administrator named need not know it."""
    return bool(row.address and row.zone) and row.outcome in _ERRORS


def _judged(name: str, rows: Sequence[Observation], errors: Sequence[Observation], deaf: bool) -> Told | tuple[()]:
    answers = [row for row in rows if row.outcome is Outcome.MATCH]
    if answers:
        return _standings(name, answers)
    unsaid = deaf or any(row.outcome in (Outcome.NOT_ASKED, Outcome.FAULT) or _unreadable(row) for row in rows)
    return Unanswered(name, tuple(errors)) if errors and not unsaid else None


def _unreadable(row: Observation) -> bool:
    """Tell whether dnspython could not read an answer. It refuses tags that CAs read, and then ignore."""
    return row.detail == UNREADABLE


def _standings(name: str, answers: Sequence[Observation]) -> tuple[Standing, ...]:
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in answers:
        groups.setdefault((row.asked or name, row.seen), []).append(f"{row.server} {row.address}")
    alone = len(groups) == 1
    return tuple(
        Standing(owner, tuple(map(_record, seen)), () if alone else tuple(servers))
        for (owner, seen), servers in groups.items()
        if seen
    )


def _record(line: str) -> Record:
    """Return a record from the text of a zone file."""
    import dns.rdata

    found = dns.rdata.from_text("IN", "CAA", line)
    value = found.value.decode("ascii", "backslashreplace")  # type: ignore[attr-defined]
    return Record(found.flags, found.tag.decode("ascii").lower(), value)  # type: ignore[attr-defined]


def _deaf(rows: Mapping[str, Sequence[Observation]], until: float) -> set[str]:
    """Return the names whose silent servers do not answer another question either.

    This machine may not reach them, while the CA does. Each address is asked about all its names together, so a silent
    one costs one wait.
    """
    silent = {name for name, found in rows.items() if found and all(row.outcome in _SILENT for row in found)}
    places: dict[str, list[str]] = {}
    for name in sorted(silent):
        for row in rows[name]:
            places.setdefault(row.address, []).append(name)

    def heard(address: str) -> list[str]:
        names = places[address]
        replies = wire.ask(parse(address, DNS_PORT), [Question(name, "SOA") for name in names], until)
        return [name for name, reply in zip(names, replies, strict=True) if reply.message is not None]

    return silent.difference(*parallel.each(heard, list(places)))
