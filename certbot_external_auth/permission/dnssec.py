"""Ask resolvers whether the signatures of zones are right, without checking any here (RFC 4035 section 4.3)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import parallel
from certbot_external_auth.visibility.dns import wire
from certbot_external_auth.visibility.dns.reply import Question, Reply

if TYPE_CHECKING:
    from dns.message import Message

ASKED_FOR = "CAA"
"""The type that a CA asks about the name itself, so that nothing else gets into a resolver's memory."""


class Trust(enum.Enum):
    """What a resolver says about the signatures above a name."""

    RIGHT = "right"
    """It has checked them (AD)."""
    BOGUS = "bogus"
    """It answers only if it need not check them."""
    UNSAID = "unsaid"
    """Nothing follows: the zone is not signed, or the resolver checks no signatures, or it does not answer."""


@dataclass(frozen=True)
class Signed:
    """What the resolvers say about one name.

    :ivar server: of `Trust.BOGUS`, the resolver.
    :ivar errors: the codes of its extended errors.
    :ivar texts: what it says about each of them.
    """

    trust: Trust
    server: str = ""
    errors: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()


def look(names: Sequence[str], resolvers: Sequence[Endpoint], until: float) -> dict[str, Signed]:
    """Return what is said about each name. Every resolver is asked: one that checks no signatures hides no other.

    :param resolvers: with addresses.
    """
    names = list(names)

    def ask(resolver: Endpoint) -> list[Signed]:
        checked = [Question(name, ASKED_FOR, True, validation=True) for name in names]
        unchecked = [Question(name, ASKED_FOR, True, validation=True, unchecked=True) for name in names]
        replies = wire.ask(resolver, [*checked, *unchecked], until)
        pairs = zip(replies[: len(names)], replies[len(names) :], strict=True)
        return [_signed(str(resolver), *pair) for pair in pairs]

    found: dict[str, Signed] = {name: Signed(Trust.UNSAID) for name in names}
    for told in parallel.each(ask, list(resolvers)):
        for name, one in zip(names, told, strict=True):
            # A resolver that finds a fault counts more than one that finds none: the CA's may be either.
            if one.trust is Trust.BOGUS or found[name].trust is Trust.UNSAID:
                found[name] = one
    return found


def _signed(server: str, checked: Reply, unchecked: Reply) -> Signed:
    trust = judge(checked.read(_code, None), unchecked.read(_code, None), checked.read(_authentic, False))
    if trust is not Trust.BOGUS:
        return Signed(trust)
    errors = checked.read(extended_errors, ())
    return Signed(trust, server, tuple(code for code, _ in errors), tuple(text for _, text in errors))


def judge(checked: str | None, unchecked: str | None, authentic: bool) -> Trust:
    """Say what two response codes mean: with the check of signatures, and without (RFC 4035 section 5.5).

    :param checked, unchecked: None if there was no answer.
    :param authentic: the bit AD of the first answer.
    """
    if checked == "SERVFAIL" and unchecked in ("NOERROR", "NXDOMAIN"):
        return Trust.BOGUS
    return Trust.RIGHT if authentic and checked in ("NOERROR", "NXDOMAIN") else Trust.UNSAID


def _code(message: Message) -> str:
    import dns.rcode

    return dns.rcode.to_text(message.rcode())


def _authentic(message: Message) -> bool:
    import dns.flags

    return bool(message.flags & dns.flags.AD)


def extended_errors(message: Message) -> tuple[tuple[int, str], ...]:
    """Return the codes and texts of the extended errors in an answer (RFC 8914 section 2)."""
    import dns.edns

    found = [one for one in message.options if isinstance(one, dns.edns.EDEOption)]
    return tuple((int(one.code), one.text or "") for one in found)
