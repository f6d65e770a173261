"""DNS messages that no honest server sends, made of honest ones: other classes, other data, mutated octets."""

from __future__ import annotations

import ipaddress
import random
import struct
from collections.abc import Callable

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.message import Message

from certbot_external_auth.visibility.dns import clues, named, response
from tests.support.name_servers import NameServer

SHAKEN = 226
"""A class that is not assigned; the library knows no type in it."""
CLASSES = (SHAKEN, 0, 2, 3, 4, 254, 255, 65535)
KINDS = (1, 2, 5, 6, 16, 28, 39)
"""Types that are read: A, NS, CNAME, SOA, TXT, AAAA, DNAME."""
SECTIONS = ("answer", "authority", "additional")


def of_class(found: dns.rrset.RRset, number: int) -> dns.rrset.RRset:
    """The same records in another class, with the same octets of data."""
    kind = dns.rdataclass.RdataClass.make(number)
    made = dns.rrset.RRset(found.name, kind, found.rdtype)
    made.ttl = found.ttl
    for record in found:
        made.add(dns.rdata.GenericRdata(kind, found.rdtype, record.to_wire() or b""))
    return made


def in_class(message: Message, number: int, kinds: tuple[str, ...] = ()) -> None:
    """Put all records, or those of these types, into another class."""
    for section in SECTIONS:
        records = getattr(message, section)
        records[:] = [
            of_class(one, number) if not kinds or dns.rdatatype.to_text(one.rdtype) in kinds else one for one in records
        ]


def disturb(server: NameServer, change: Callable[[Message], object]) -> None:
    """Let a server change each of its answers before it sends it."""
    reply = server.reply

    def changed(data: bytes, tcp: bool) -> bytes | None:
        answer = reply(data, tcp)
        if answer is None:
            return None
        message = dns.message.from_wire(answer)
        change(message)
        return message.to_wire()

    server.reply = changed  # type: ignore[method-assign]


def mutated(wire: bytes, chance: random.Random) -> bytes:
    """A message with some octets changed, some of which are types, classes, lengths and pointers; the id stays."""
    data = bytearray(wire)
    for _ in range(chance.choice((0, 1, 1, 2, 3, 8))):
        place = chance.randrange(2, len(data))
        how = chance.randrange(5)
        if how == 0:
            data[place] = chance.randrange(256)
        elif how == 1:
            data[place] ^= 1 << chance.randrange(8)
        elif how == 2:
            data[place : place + 2] = struct.pack("!H", chance.choice((0xC00C, 0xC000, chance.randrange(65536))))
        elif how == 3:
            # A class where one may be, behind a type that is known.
            data[place : place + 4] = struct.pack(
                "!2H", chance.choice((1, 2, 5, 6, 16, 28, 39)), chance.choice(CLASSES)
            )
        else:
            del data[place : place + chance.randrange(1, 5)]
    return bytes(data)


NAME, ZONE = "_acme-challenge.evil.test", "evil.test"
_ANSWERS = (
    ("TXT", ("TXT one", "TXT two three")),
    ("TXT", ("CNAME x.good.test.",)),
    ("A", ("A 192.0.2.1",)),
    ("AAAA", ("AAAA 2001:db8::1",)),
    ("SOA", ("SOA a. b. 1 2 3 4 5",)),
    ("NS", ("NS ns.evil.test.", "NS b.test.")),
    ("TXT", ()),
)


def honest() -> list[tuple[Message, bytes]]:
    """Questions, and answers of every kind to them, with and without authority."""
    found: list[tuple[Message, bytes]] = []
    for kind, records in _ANSWERS:
        for flags in (0, dns.flags.AA):
            query = dns.message.make_query(NAME, kind, use_edns=0)
            made = dns.message.make_response(query)
            made.flags |= flags
            for record in records:
                made.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", *record.split(" ", 1)))
            made.authority.append(dns.rrset.from_text(f"{ZONE}.", 60, "IN", "NS", "ns.evil.test."))
            made.authority.append(dns.rrset.from_text(f"{ZONE}.", 60, "IN", "DNAME", "test."))
            made.additional.append(dns.rrset.from_text("ns.evil.test.", 60, "IN", "A", "192.0.2.1"))
            found.append((query, made.to_wire()))
    return found


def read(message: Message) -> set[str]:
    """Read everything from a message that the plugin may read; return the names that it would ask about next."""
    names = {clues.soa(message)[0], response.address_alias(message, NAME)}
    for zone in (ZONE, None):
        said = response.read(message, NAME, ("one",), zone)
        names |= {said.alias, said.referral, said.name, *said.authorities, *said.glue}
    told = response.zone_of(message, NAME)
    names |= {*(told[1] if told else ()), told[0] if told else None, *response.servers(message, ZONE)}
    for address in response.addresses(message, NAME):
        ipaddress.ip_address(address)
    assert all(isinstance(value, str) for value in response.values_of(message, NAME))
    named.role(message)
    names.add(named.zone(message, NAME))
    return {one for one in names if one}


def ask_about(name: str) -> None:
    """What is made of a name on the way to the next question."""
    for one in (name, response.parent(name), clues.sibling(name)):
        if response.fits(one):
            dns.message.make_query(one, "TXT").to_wire()
