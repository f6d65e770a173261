"""Looking from here as the CA will look: what must be visible, what was seen, and what that means.

The words of this package: an `Expectation` is something the CA must find; an `Observation` is what one address
answered about it; probes (`dns`, `http`, `tls`) make observations and know no rule; `verdict` is the rule and touches
nothing; `watch` asks again until the rule is content or the time is over.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.challenges import TLS_TYPES, Challenge, dns01, http01, tlsalpn01


class Says(enum.Enum):
    """What an outcome means to the rule of `verdict`."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """Whoever was asked did not say: it does not answer, or not about this."""
    NOTHING = "nothing"
    """Not counted: nobody could be asked from here."""


class Outcome(enum.Enum):
    """What one address answered; the values stand in JSON lines."""

    MATCH = "match"
    OTHER_VALUES = "other_values"
    """There are TXT records, but not all the values wanted."""
    NO_RECORD = "no_record"
    NO_SUCH_NAME = "no_such_name"
    WRONG_CONTENT = "wrong_content"
    """http-01: another status than 200, or another body."""
    WRONG_CERTIFICATE = "wrong_certificate"
    """TLS types: another certificate, or the application protocol was not chosen."""
    REFUSED = "refused"
    """DNS REFUSED."""
    SERVFAIL = "servfail"
    """DNS SERVFAIL, or an answer that is no DNS message."""
    NOT_AUTHORITATIVE = "not_authoritative"
    """A name server of the zone that answers without authority (lame)."""
    CONNECTION_REFUSED = "connection_refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """This machine has no route to the address, mostly because it has no IPv6; or it is not asked, as others are."""
    NOT_ASKED = "not_asked"
    """It was to be asked, but not in this look: there was no time left, there were too many, or it may not be asked:
    whoever names it has no part in this machine's network, which it is of."""
    FAULT = "fault"
    """Looking failed in a way that nobody foresaw; the detail has the exception."""

    @property
    def says(self) -> Says:
        return _SAYS[self]


_SAYS = {
    Outcome.MATCH: Says.YES,
    **dict.fromkeys(
        (
            Outcome.OTHER_VALUES,
            Outcome.NO_RECORD,
            Outcome.NO_SUCH_NAME,
            Outcome.WRONG_CONTENT,
            Outcome.WRONG_CERTIFICATE,
        ),
        Says.NO,
    ),
    **dict.fromkeys(
        (
            Outcome.REFUSED,
            Outcome.SERVFAIL,
            Outcome.NOT_AUTHORITATIVE,
            Outcome.CONNECTION_REFUSED,
            Outcome.TIMEOUT,
            Outcome.NOT_ASKED,
            Outcome.FAULT,
        ),
        Says.UNCLEAR,
    ),
    Outcome.UNREACHABLE: Says.NOTHING,
}


@dataclass(frozen=True)
class Expectation:
    """What the CA must find at one place.

    :ivar type: the challenge type.
    :ivar identifier: the name or address that is proven.
    :ivar place: the TXT record's owner name, the URL, or the server name (SNI); unique in a batch.
    :ivar values: what must be there, all of it: TXT values; the body; for tls-alpn-01 the hex SHA-256 that
        acmeIdentifier carries, for tls-sni-01 z_domain.
    :ivar ids: the challenges this is for; base name and wildcard share one.
    """

    type: str
    identifier: str
    place: str
    values: tuple[str, ...]
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observation:
    """What one address answered about an expectation.

    :ivar place: the expectation's.
    :ivar server: who was asked, as people name it: ``ns1.example.org``, or the host of a web server.
    :ivar address: ``192.0.2.1:53`` or ``[2001:db8::1]:443``; empty if no address is known.
    :ivar seen: what was there, cleaned and bounded: TXT values, the begin of a body, names of a certificate.
    :ivar seconds: how long the answer took.
    :ivar detail: more in words, such as the TLS library's error.
    :ivar asked: the name that was asked about, where aliases lead away from the place; else empty.
    :ivar zone: the zone that `asked`, or the place, lies in, where that is known.
    """

    place: str
    server: str
    address: str
    outcome: Outcome
    seen: tuple[str, ...] = ()
    seconds: float = 0.0
    detail: str = ""
    asked: str = ""
    zone: str = ""


class Found(enum.Enum):
    """What a `Clue` is about."""

    SERIAL = "serial"
    """A server's serial number of the zone."""
    WILDCARD = "wildcard"
    """The values that were seen come from this wildcard record."""
    DOUBLED = "doubled"
    """A value that is wanted stands at this name, which has the zone's name twice."""


@dataclass(frozen=True)
class Clue:
    """Found out besides when the time was over, for telling the likely reason.

    :ivar place: the expectation's. :ivar server, address: as of an `Observation`.
    :ivar text: the serial number, or the name.
    """

    place: str
    found: Found
    text: str
    server: str = ""
    address: str = ""


def expectations(challenges: Sequence[Challenge]) -> list[Expectation]:
    """What must be visible for a batch, in its order; challenges that share a place are one."""
    found: dict[str, Expectation] = {}
    for challenge in challenges:
        place = challenge.txt_domain or challenge.uri or challenge.server_name or ""
        earlier = found.get(place)
        values, ids = (earlier.values, earlier.ids) if earlier else ((), ())
        found[place] = Expectation(
            type=challenge.type,
            identifier=challenge.identifier,
            place=place,
            values=tuple(dict.fromkeys((*values, _value(challenge)))),
            ids=(*ids, challenge.id),
        )
    return list(found.values())


def _value(challenge: Challenge) -> str:
    if challenge.type == tlsalpn01.TYPE:
        return tlsalpn01.digest(challenge.key_authorization).hex()
    return challenge.validation


KINDS = {dns01.TYPE: "dns", http01.TYPE: "http", **dict.fromkeys(TLS_TYPES, "tls")}
"""Which probe looks for a challenge type."""
