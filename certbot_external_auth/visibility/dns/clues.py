"""Ask a name server for what shows the likely reason: serial number, wildcard record, doubled name."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from certbot_external_auth.endpoint import parse
from certbot_external_auth.visibility import Clue, Expectation, Found, Hop, Observation, Says, unreadable
from certbot_external_auth.visibility.dns import response, wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.probe import DNS_PORT

if TYPE_CHECKING:
    from dns.message import Message

logger = logging.getLogger(__name__)


def sibling(name: str) -> str:
    """Return a random name beside this one, which does not exist: what is there comes from a wildcard record."""
    return response.below(f"_acme-challenge-{os.urandom(4).hex()}", response.parent(name))


def at(wanted: Expectation, row: Observation, recursive: bool, until: float) -> list[Clue]:
    """Return the clues at one address, none if asking for them fails: the clues of other addresses still count."""
    try:
        return _clues(wanted, row, recursive, until)
    except BaseException as error:
        logger.debug("No clues at %s: %s", row.address, unreadable.words(error))
        return []


def of_hop(place: str, hop: Hop, until: float) -> list[Clue]:
    """Return the serial number at a server that told of an alias, of the zone that the alias stands in."""
    if not hop.zone or not hop.address:
        return []
    (reply,) = wire.ask(parse(hop.address, DNS_PORT), [Question(hop.zone, "SOA")], until)
    return _serial(place, reply, hop.server, hop.address)


def _clues(wanted: Expectation, row: Observation, recursive: bool, until: float) -> list[Clue]:
    """Return the clues at one address. It has answered about the name before, so no negative answer is cached anew."""
    name = row.asked or row.place
    server = parse(row.address, DNS_PORT)
    beside = sibling(name)
    twins = [beside] if response.fits(beside) else []
    questions = [Question(name, "SOA", recursive), *(Question(twin, "TXT", recursive) for twin in twins)]
    authority, *others = wire.ask(server, questions, until)
    zone, _ = authority.read(soa, (row.zone, None))
    # What a resolver remembers of a zone says nothing about a copy of it.
    found = _serial(row.place, authority, row.server, row.address) if row.keeps is None else []
    if row.outcome.says is not Says.NO:
        return found
    if row.seen and any(_values(answer, beside) & set(row.seen) for answer in others):
        found.append(Clue(row.place, Found.WILDCARD, response.below("*", response.parent(name))))
    twice = f"{name}.{zone or wanted.identifier}"
    if "." in (name, zone) or not response.fits(twice):
        return found
    (reply,) = wire.ask(server, [Question(twice, "TXT", recursive)], until)
    values = tuple(sorted(_values(reply, twice) & set(wanted.values)))
    return [*found, Clue(row.place, Found.DOUBLED, twice, values=values)] if values else found


def _serial(place: str, reply: Reply, server: str, address: str) -> list[Clue]:
    zone, serial = reply.read(soa, ("", None))
    return [] if serial is None else [Clue(place, Found.SERIAL, str(serial), server, address, zone)]


def _values(reply: Reply, name: str) -> set[str]:
    return set(reply.read(response.values_of, (), name))


def soa(message: Message) -> tuple[str, int | None]:
    """Return the zone and its serial number from an answer about a SOA record, positive or negative."""
    import dns.rdatatype

    for found in (*message.answer, *message.authority):
        if found.rdtype == dns.rdatatype.SOA:
            return response.text(found.name), found[0].serial
    return "", None
