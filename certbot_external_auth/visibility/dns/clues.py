"""Ask a name server for what shows the likely reason: serial number, wildcard record, doubled name."""

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
    """Return a random name beside this one, which does not exist: what is there comes from a wildcard record."""
    return response.below(f"_acme-challenge-{os.urandom(4).hex()}", response.parent(name))


def fits(name: str) -> bool:
    """Tell whether a name is short enough: 255 octets, which is 253 characters (RFC 1035 section 2.3.4)."""
    return len(name.rstrip(".")) <= 253


def at(wanted: Expectation, row: Observation, recursive: bool, until: float) -> list[Clue]:
    """Return the clues at one address, none if asking for them fails: the clues of other addresses still count."""
    try:
        return _clues(wanted, row, recursive, until)
    except BaseException as error:
        logger.debug("No clues at %s: %s", row.address, unreadable.words(error))
        return []


def _clues(wanted: Expectation, row: Observation, recursive: bool, until: float) -> list[Clue]:
    """Return the clues at one address. It has answered about the name before, so no negative answer is cached anew."""
    name = row.asked or row.place
    server = parse(row.address, DNS_PORT)
    beside = sibling(name)
    twins = [beside] if fits(beside) else []
    questions = [Question(name, "SOA", recursive), *(Question(twin, "TXT", recursive) for twin in twins)]
    soa, *others = wire.ask(server, questions, until)
    zone, serial = soa.read(response.soa, (row.zone, None))
    clues = []
    if serial is not None:
        clues.append(Clue(row.place, Found.SERIAL, str(serial), row.server, row.address))
    if row.outcome.says is not Says.NO:
        return clues
    if row.seen and any(_values(answer, beside) & set(row.seen) for answer in others):
        clues.append(Clue(row.place, Found.WILDCARD, response.below("*", response.parent(name))))
    twice = f"{name}.{zone or wanted.identifier}"
    if "." in (name, zone) or not fits(twice):
        return clues
    (reply,) = wire.ask(server, [Question(twice, "TXT", recursive)], until)
    if _values(reply, twice) & set(wanted.values):
        clues.append(Clue(row.place, Found.DOUBLED, twice))
    return clues


def _values(reply: Reply, name: str) -> set[str]:
    return set(reply.read(response.values_of, (), name))
