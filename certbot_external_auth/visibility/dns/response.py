"""Read what a DNS message says about the records at a name: TXT or, as text, those of another type. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from certbot_external_auth.text import clean
from certbot_external_auth.visibility import Accepts, Outcome

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name

MAX_ALIASES = 12
"""The number of aliases that are followed; resolvers stop at about as many."""
MAX_SHOWN_VALUES = 8
"""The number of values that an observation shows, beside those that are wanted."""
MAX_VALUE_CHARACTERS = 255
TXT = "TXT"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Said:
    """The content of an answer. Exactly one of `outcome`, `alias` and `referral` is set.

    :ivar outcome: the answer is final.
    :ivar alias: the name that the asked name leads to (by its CNAME, or the DNAME of a name above).
    :ivar referral: a zone below, with servers of its own, that the name lies in.
    :ivar values: TXT values, the strings of each joined (RFC 8555 section 8.4 with RFC 7208 section 3.3).
    :ivar whole: all values, as they are.
    :ivar name: the name that the outcome is about, at the end of the aliases in the answer.
    :ivar more: the number of values that `values` leaves out.
    :ivar keeps: the seconds for which the records, or that there are none, may be remembered.
    :ivar authorities: of a referral: the names of the servers.
    :ivar glue: of a referral: the addresses of servers that the answer has.
    """

    outcome: Outcome | None = None
    alias: str | None = None
    referral: str | None = None
    values: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    name: str = ""
    detail: str = ""
    more: int = 0
    keeps: int = 0
    authorities: tuple[str, ...] = ()
    glue: dict[str, tuple[str, ...]] = field(default_factory=dict)


def parent(name: str) -> str:
    """Return the name above, written as by `text`. A dot within a label does not end it (RFC 4343 section 2.1)."""
    import dns.name

    whole = dns.name.from_text(name)
    return text(whole.parent() if len(whole) > 1 else whole)


def below(label: str, name: str) -> str:
    """Return a name below another one, which may be the root."""
    return label if name == "." else f"{label}.{name}"


def fits(name: str) -> bool:
    """Tell whether a name is short enough: 255 octets, which is 253 characters (RFC 1035 section 2.3.4)."""
    return len(name.rstrip(".")) <= 253


def text(name: Name) -> str:
    """Return a name in lower case and without the dot at its end; the root is a dot."""
    return name.to_text(omit_final_dot=True).lower() if len(name) > 1 else "."


def read(
    message: Message,
    asked: str,
    wanted: Sequence[str],
    zone: str | None,
    stepwise: bool = False,
    how: Accepts = None,
    kind: str = TXT,
) -> Said:
    """Return what an answer says about records of one type.

    :param asked: the name whose records were asked for.
    :param wanted: the values that must all be there.
    :param how: see `Expectation.accepts`.
    :param zone: the zone that the server is an authority of. None if the administrator named the server. It may be a
        resolver then: it need not be an authority, and what it says about the end of aliases counts.
    :param stepwise: return the first alias all the same.
    :param kind: the type of the records. Only TXT records are values; each other one is the text of a zone file.
    """
    import dns.flags
    import dns.name
    import dns.rcode

    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        outcome = Outcome.REFUSED if rcode == dns.rcode.REFUSED else Outcome.SERVFAIL
        usual = rcode in (dns.rcode.REFUSED, dns.rcode.SERVFAIL)
        return Said(outcome, name=asked, detail="" if usual else dns.rcode.to_text(rcode))
    name = dns.name.from_text(asked)
    if not message.flags & dns.flags.AA:
        below = _referral(message, name, dns.name.from_text(zone or "."))
        if below is not None or zone is not None:
            return below or Said(Outcome.NOT_AUTHORITATIVE, name=asked)
    end, looped = _end(message, name)
    if looped:
        return Said(Outcome.NO_RECORD, name=asked, detail=f"its aliases run in a circle: {looped}")
    if end != name and (zone is not None or stepwise):
        # The next name may lie in a zone of other servers, so what this server adds about it does not count.
        return Said(alias=text(_target(message, name) or end))
    found = values(message, end, kind)
    if end != name and not found and not _denied(message, end):
        return Said(alias=text(end))
    if kind != TXT:
        return Said(Outcome.MATCH, values=found, name=text(end))
    return _records(message, end, found, wanted, how)


def _records(message: Message, name: Name, found: tuple[str, ...], wanted: Sequence[str], how: Accepts) -> Said:
    import dns.rcode

    if how(found) if how is not None else set(wanted) <= set(found):
        outcome = Outcome.MATCH
    elif found:
        outcome = Outcome.OTHER_VALUES
    elif message.rcode() == dns.rcode.NXDOMAIN:
        outcome = Outcome.NO_SUCH_NAME
    else:
        outcome = Outcome.NO_RECORD
    # Wanted values come first, and all of them are kept: one that is left out would count as gone.
    right = sorted(value for value in found if value in wanted)
    others = sorted(value for value in found if value not in wanted)
    shown = tuple(map(_shown, (*right, *others[:MAX_SHOWN_VALUES])))
    more = len(found) - len(shown)
    return Said(outcome, values=shown, whole=found, name=text(name), more=more, keeps=_keeps(message, name))


def _shown(value: str) -> str:
    """Return a value without control characters, but with its blanks: these make it another value."""
    return clean(_CONTROL.sub(" ", value), MAX_VALUE_CHARACTERS)


def _keeps(message: Message, name: Name) -> int:
    """Return for how many seconds an answer may be remembered; for one without records see RFC 2308 section 5."""
    import dns.rdatatype

    for found in message.answer:
        if found.rdtype == dns.rdatatype.TXT and found.name == name:
            return int(found.ttl)
    for found in message.authority:
        if found.rdtype == dns.rdatatype.SOA:
            return int(min(found.ttl, found[0].minimum))
    return 0


def values(message: Message, name: Name, kind: str = TXT) -> tuple[str, ...]:
    """Return the TXT values at exactly this name (RFC 1035 section 3.3.14), or the records of another type as text."""
    import dns.rdatatype

    wanted = dns.rdatatype.from_text(kind)
    found = [one for rrset in message.answer if rrset.rdtype == wanted and rrset.name == name for one in rrset]
    if kind != TXT:
        return tuple(sorted(one.to_text() for one in found))
    return tuple(b"".join(one.strings).decode("utf-8", "replace") for one in found)


def _target(message: Message, name: Name) -> Name | None:
    """Return where a name leads by its CNAME (RFC 1034 section 3.6.2) or the DNAME of a name above (RFC 6672)."""
    import dns.name
    import dns.rdatatype

    for found in message.answer:
        if found.rdtype == dns.rdatatype.CNAME and found.name == name:
            return found[0].target  # type: ignore[no-any-return]
    for found in message.answer:
        if found.rdtype == dns.rdatatype.DNAME and name != found.name and name.is_subdomain(found.name):
            try:
                return name.relativize(found.name).derelativize(found[0].target)
            except dns.name.NameTooLong:
                return None
    return None


def _end(message: Message, name: Name) -> tuple[Name, str]:
    """Return the end of the aliases in the answer; if they run in a circle, also the circle in words."""
    passed = [name]
    while (target := _target(message, passed[-1])) is not None:
        if target in passed or len(passed) > MAX_ALIASES:
            return target, " → ".join(map(text, [*passed, target]))
        passed.append(target)
    return passed[-1], ""


def _denied(message: Message, end: Name) -> bool:
    """Tell whether a SOA record or NXDOMAIN says that the end of aliases has no records (RFC 2308)."""
    import dns.rcode
    import dns.rdatatype

    negative = any(found.rdtype == dns.rdatatype.SOA and end.is_subdomain(found.name) for found in message.authority)
    return negative or message.rcode() == dns.rcode.NXDOMAIN


def _referral(message: Message, name: Name, zone: Name) -> Said | None:
    """Return the zone below `zone` that the name lies in, with its servers (RFC 1034 section 4.3.2, step 3b)."""
    import dns.rdatatype

    if message.answer or any(found.rdtype == dns.rdatatype.SOA for found in message.authority):
        return None
    for found in message.authority:
        # A server that does not know the name may refer to the root or to a top-level domain.
        below = found.name != zone and found.name.is_subdomain(zone) and len(found.name) > 2
        if found.rdtype == dns.rdatatype.NS and below and name.is_subdomain(found.name):
            servers = tuple(text(record.target) for record in found)
            return Said(referral=text(found.name), authorities=servers, glue=_glue(message, set(servers)))
    return None


def _glue(message: Message, servers: set[str]) -> dict[str, tuple[str, ...]]:
    import dns.rdatatype

    found: dict[str, tuple[str, ...]] = {}
    for records in message.additional:
        name = text(records.name)
        if records.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) and name in servers:
            found[name] = (*found.get(name, ()), *(record.address for record in records))
    return found


def servers(message: Message, zone: str) -> tuple[str, ...]:
    """Return the servers in an authority's answer about the NS records of its zone (RFC 1035 section 3.3.11)."""
    import dns.name
    import dns.rdatatype

    name = dns.name.from_text(zone)
    found = [rrset for rrset in message.answer if rrset.rdtype == dns.rdatatype.NS and rrset.name == name]
    return tuple(text(record.target) for rrset in found for record in rrset)


# --- what a resolver says about zones and addresses ---


def zone_of(message: Message, asked: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the zone in a resolver's answer about NS records, and its servers if the name is the top of the zone.

    None if the answer does not say (an alias, an error).
    """
    import dns.name
    import dns.rdatatype

    name = dns.name.from_text(asked)
    for found in message.answer:
        if found.rdtype == dns.rdatatype.NS and found.name == name:
            return text(name), tuple(text(record.target) for record in found)
    if message.answer:
        return None
    for found in message.authority:
        if found.rdtype == dns.rdatatype.SOA and name.is_subdomain(found.name):
            return text(found.name), ()
    return None


def addresses(message: Message, asked: str) -> tuple[str, ...]:
    """Return the addresses in an answer about A or AAAA records, at the end of aliases if there are any."""
    import dns.name
    import dns.rdatatype

    end, _ = _end(message, dns.name.from_text(asked))
    return tuple(
        record.address
        for found in message.answer
        if found.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) and found.name == end
        for record in found
    )


def address_alias(message: Message, asked: str) -> str | None:
    """Return the name to ask next, if an answer about A or AAAA records ends in an alias without its target."""
    import dns.name

    name = dns.name.from_text(asked)
    end, looped = _end(message, name)
    known = end == name or looped or addresses(message, asked) or _denied(message, end)
    return None if known else text(end)


def values_of(message: Message, name: str) -> tuple[str, ...]:
    """Return the TXT values at the end of aliases of a name; see `values`."""
    import dns.name

    return values(message, _end(message, dns.name.from_text(name))[0])
