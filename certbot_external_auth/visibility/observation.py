"""The data of this package: what must be visible, and what was seen.

An `Expectation` is what the CA must find. An `Observation` is what one address answered about it. Probes
(`dns.probe`, `web.http`, `web.tls`) make observations and do not judge them. `verdict` is the rule. `watch` asks again
until the rule is met or the time is over.
"""

from __future__ import annotations

import enum
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from certbot_external_auth.challenges import PERSISTENT, TLS_TYPES, TXT_TYPES, Challenge, http01, tlsalpn01
from certbot_external_auth.persistent_records import Need, judge
from certbot_external_auth.visibility.near_miss import Miss


class Says(enum.Enum):
    """The meaning of an outcome to the rule of `verdict`."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """The server did not say: it does not answer, or not about this."""
    NOTHING = "nothing"
    """Not counted: this machine could not ask."""


class Outcome(enum.Enum):
    """The answer of one address. The values are part of the JSON lines."""

    MATCH = "match"
    OTHER_VALUES = "other_values"
    """There are TXT records, but not all of the wanted values."""
    NO_RECORD = "no_record"
    NO_SUCH_NAME = "no_such_name"
    WRONG_CONTENT = "wrong_content"
    """http-01: the status is not 200, or the body is another one."""
    WRONG_CERTIFICATE = "wrong_certificate"
    """TLS types: another certificate, or the server did not select the application protocol."""
    REFUSED = "refused"
    """DNS REFUSED."""
    SERVFAIL = "servfail"
    """DNS SERVFAIL, or an answer that is not a DNS message."""
    NOT_AUTHORITATIVE = "not_authoritative"
    """A name server of the zone answers without authority (it is lame)."""
    CONNECTION_REFUSED = "connection_refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """This machine has no route to the address, usually since it has no IPv6. Or the address is not public, and
    others are asked instead."""
    NOT_ASKED = "not_asked"
    """The address was not asked in this look. No time was left, there were too many addresses, or the plugin must not
    ask it: it belongs to this machine's network, and a server outside of that network named it."""
    FAULT = "fault"
    """The check failed unexpectedly; the detail has the exception."""

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


Accepts = Callable[[Sequence[str]], bool] | None
"""A function that tells whether the TXT values at a name are enough, for records that can be right in several ways."""


@dataclass(frozen=True)
class Expectation:
    """A value, or several, that the CA must find at one place.

    :ivar type: the challenge type.
    :ivar identifier: the name or address that the challenge proves.
    :ivar place: the TXT record's owner name, the URL, or the server name (SNI); unique in a batch.
    :ivar values: all must be there: TXT values; the body; for tls-alpn-01 the hexadecimal SHA-256 digest in
        acmeIdentifier; for tls-sni-01 z_domain.
    :ivar ids: the challenges that this is for. Base name and wildcard share one expectation.
    :ivar accepts: decides in place of `values`, which are empty then.
    :ivar need: what a record of dns-persist-01 must allow.
    """

    type: str
    identifier: str
    place: str
    values: tuple[str, ...]
    ids: tuple[str, ...] = ()
    accepts: Accepts = None
    need: Need | None = None


@dataclass(frozen=True)
class Hop:
    """One alias on the way from a place, and the server that told it.

    :ivar name: the alias.
    :ivar target: where it leads.
    :ivar server, address: see `Observation`.
    :ivar zone: the zone of `name`; empty if it is not known.
    """

    name: str
    target: str
    server: str
    address: str
    zone: str = ""


@dataclass(frozen=True)
class Page:
    """What a web server sent for http-01 that is not right.

    :ivar status: of HTTP.
    :ivar software: the Server header, cleaned and bounded; empty if there is none, or if it is not to be shown.
    :ivar words: the first words of the body, in the same way.
    :ivar login: the server asks for a password.
    :ivar token: the body begins with the token of this challenge, but is not its key authorization.
    :ivar near: how the body differs from the key authorization; None if it has nothing to do with it.
    :ivar url: where redirects led to; empty if there was none.
    """

    status: int
    software: str = ""
    words: str = ""
    login: bool = False
    token: bool = False
    near: Miss | None = None
    url: str = ""


class TlsFault(enum.Enum):
    """What is wrong with the answer to a TLS challenge."""

    NO_TLS = "no_tls"
    """The server speaks another protocol than TLS."""
    NO_PROTOCOL = "no_protocol"
    """The server does not select the application protocol."""
    UNKNOWN_NAME = "unknown_name"
    """The server refuses the server name (SNI)."""
    NO_HANDSHAKE = "no_handshake"
    """The handshake fails for another reason."""
    OTHER_NAME = "other_name"
    """The certificate is for another name, or for more than one."""
    NO_DIGEST = "no_digest"
    """It is for the right name, but not made for a challenge."""
    OTHER_DIGEST = "other_digest"
    """It is made for another challenge."""
    MALFORMED = "malformed"
    """It cannot be read, or is not made as the standard wants it."""


@dataclass(frozen=True)
class Observation:
    """The answer of one address about an expectation.

    :ivar place: the expectation's.
    :ivar server: the name of the server that was asked: ``ns1.example.org``, or the host of a web server.
    :ivar address: ``192.0.2.1:53`` or ``[2001:db8::1]:443``; empty if no address is known.
    :ivar seen: what was there, cleaned and bounded: TXT values, the beginning of a body, names of a certificate. TXT
        values have their blanks, and those that are wanted come first.
    :ivar seconds: from the question to the answer.
    :ivar detail: more in words, such as an error of the TLS library.
    :ivar asked: the name at the end of aliases; empty if the place is not an alias.
    :ivar zone: the zone of `asked` or of the place; empty if it is not known.
    :ivar wanted: the TXT values that should be there.
    :ivar more: the number of TXT values that `seen` leaves out.
    :ivar keeps: the seconds for which a resolver gives this answer again, whatever its name servers have then. None for
        other servers.
    :ivar hops: the aliases on the way, as each server told them.
    :ivar whole: all TXT values, as they are.
    :ivar fact: of http-01 and the TLS types, what shows the likely reason; None if nothing does.
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
    wanted: tuple[str, ...] = ()
    more: int = 0
    keeps: int | None = None
    hops: tuple[Hop, ...] = ()
    fact: Page | TlsFault | None = None
    whole: tuple[str, ...] = ()


class Found(enum.Enum):
    """The subject of a `Clue`."""

    SERIAL = "serial"
    """The serial number of the zone at one server."""
    WILDCARD = "wildcard"
    """The values that were seen come from this wildcard record."""
    DOUBLED = "doubled"
    """Wanted values stand at this name, which has the zone's name twice."""
    END = "end"
    """An alias ends at this name, which is the place itself or another alias: where the next one is told, a wildcard
    record tells it."""


@dataclass(frozen=True)
class Clue:
    """A fact that was asked for after the watch, to find the likely reason.

    :ivar place: the expectation's.
    :ivar text: the serial number, or the name.
    :ivar server, address: see `Observation`.
    :ivar zone: the zone that has the serial number, or that the name lies in.
    :ivar values: of `Found.DOUBLED`.
    """

    place: str
    found: Found
    text: str
    server: str = ""
    address: str = ""
    zone: str = ""
    values: tuple[str, ...] = ()


def expectations(challenges: Sequence[Challenge]) -> list[Expectation]:
    """Return what must be visible for a batch, in its order; challenges with the same place share one expectation."""
    found: dict[str, Expectation] = {}
    for challenge in challenges:
        place = challenge.place
        earlier = found.get(place)
        values, ids = (earlier.values, earlier.ids) if earlier else ((), ())
        found[place] = Expectation(
            type=challenge.type,
            identifier=challenge.identifier,
            place=place,
            values=() if challenge.need is not None else tuple(dict.fromkeys((*values, _value(challenge)))),
            ids=(*ids, challenge.id),
            accepts=None if challenge.need is None else functools.partial(_stands, challenge.need),
            need=challenge.need,
        )
    return list(found.values())


def _stands(need: Need, values: Sequence[str]) -> bool:
    return judge(values, need, int(time.time())).stands


def _value(challenge: Challenge) -> str:
    if challenge.type == tlsalpn01.TYPE:
        return tlsalpn01.digest(challenge.key_authorization).hex()
    return challenge.validation


KINDS = {**dict.fromkeys((*TXT_TYPES, PERSISTENT), "dns"), http01.TYPE: "http", **dict.fromkeys(TLS_TYPES, "tls")}
"""The kind of probe for each challenge type."""
