"""What an address that was asked for TXT records tells besides, for finding the likely reason."""

from __future__ import annotations

import logging
import os

from certbot_external_auth.endpoint import parse
from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Says, unreadable
from certbot_external_auth.visibility.dns import response, wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.probe import DNS_PORT

logger = logging.getLogger(__name__)


def sibling(name: str) -> str:
    """A name that nobody has, beside this one: what is there comes from a wildcard record."""
    return response.below(f"_acme-challenge-{os.urandom(4).hex()}", response.parent(name))


def fits(name: str) -> bool:
    """RFC 1035 section 2.3.4: a name has 255 octets at most, which is 253 characters."""
    return len(name.rstrip(".")) <= 253


def at(wanted: Expectation, row: Observation, recursive: bool, until: float) -> list[Clue]:
    """`_clues`; where they cannot be found out at one address, those of the others are told all the same."""
    try:
        return _clues(wanted, row, recursive, until)
    except BaseException as error:
        logger.debug("No clues at %s: %s", row.address, unreadable.words(error))
        return []


def _clues(wanted: Expectation, row: Observation, recursive: bool, until: float) -> list[Clue]:
    """What one address tells besides; it has answered about the name before, so nothing is planted there anew."""
    name = row.asked or row.place
    server = parse(row.address, DNS_PORT)
    beside = sibling(name)
    twins = [beside] if fits(beside) else []
    questions = [Question(name, "SOA", recursive), *(Question(one, "TXT", recursive) for one in twins)]
    soa, *others = wire.ask(server, questions, until)
    zone, serial = soa.read(response.soa, (row.zone, None))
    found = []
    if serial is not None:
        found.append(Clue(row.place, Found.SERIAL, str(serial), row.server, row.address))
    if row.outcome.says is not Says.NO:
        return found
    if row.seen and any(_values(one, beside) & set(row.seen) for one in others):
        found.append(Clue(row.place, Found.WILDCARD, response.below("*", response.parent(name))))
    twice = f"{name}.{zone or wanted.identifier}"
    if "." in (name, zone) or not fits(twice):
        return found
    (reply,) = wire.ask(server, [Question(twice, "TXT", recursive)], until)
    if _values(reply, twice) & set(wanted.values):
        found.append(Clue(row.place, Found.DOUBLED, twice))
    return found


def _values(reply: Reply, name: str) -> set[str]:
    return set(reply.read(response.values_of, (), name))
