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

ROOT = "."
ASKED_FOR = "CAA"
"""The type that a CA asks about the name itself, so that nothing else gets into a resolver's memory."""


class Trust(enum.Enum):
    """What a resolver says about the signatures above a name."""

    RIGHT = "right"
    """It has checked them (AD)."""
    BOGUS = "bogus"
    """It answers only if it need not check them."""
    UNSIGNED = "unsigned"
    """It checks signatures, and says of none that it has checked it: the zone has none."""
    UNSAID = "unsaid"
    """Nothing follows: the resolver checks no signatures, or it does not answer."""


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
    found: dict[str, Signed] = {name: Signed(Trust.UNSAID) for name in names}
    for told in parallel.each(lambda resolver: _told(resolver, names, until), list(resolvers)):
        for name, one in zip(names, told, strict=True):
            # A resolver that finds a fault counts more than one that finds none: the CA's may be either.
            if one.trust is Trust.BOGUS or found[name].trust in (Trust.UNSAID, Trust.UNSIGNED):
                found[name] = found[name] if one.trust is Trust.UNSAID else one
    return found


def _told(resolver: Endpoint, names: Sequence[str], until: float) -> list[Signed]:
    """Return what one resolver says about each name."""
    checked = [Question(name, ASKED_FOR, True, validation=True) for name in names]
    unchecked = [Question(name, ASKED_FOR, True, validation=True, unchecked=True) for name in names]
    *replies, root = wire.ask(resolver, [*checked, *unchecked, Question(ROOT, "NS", True, validation=True)], until)
    checks = root.read(_authentic, False)
    pairs = zip(replies[: len(names)], replies[len(names) :], strict=True)
    found = [_signed(str(resolver), checks, *pair) for pair in pairs]
    # A resolver fails also because servers are slow, and then knows the answer to the second question.
    doubted = [index for index, one in enumerate(found) if one.trust is Trust.BOGUS]
    again = wire.ask(resolver, [checked[index] for index in doubted], until) if doubted else []
    for index, reply in zip(doubted, again, strict=True):
        if reply.read(_code, "SERVFAIL") != "SERVFAIL":
            found[index] = _signed(str(resolver), checks, reply, reply)
    return found


def _signed(server: str, checks: bool, checked: Reply, unchecked: Reply) -> Signed:
    trust = judge(checked.read(_code, None), unchecked.read(_code, None), checked.read(_authentic, False), checks)
    if trust is not Trust.BOGUS:
        return Signed(trust)
    errors = checked.read(extended_errors, ())
    return Signed(trust, server, tuple(code for code, _ in errors), tuple(text for _, text in errors))


def judge(checked: str | None, unchecked: str | None, authentic: bool, checks: bool = False) -> Trust:
    """Say what two response codes mean: with the check of signatures, and without (RFC 4035 section 5.5).

    :param checked, unchecked: None if there was no answer.
    :param authentic: the bit AD of the first answer.
    :param checks: the resolver checks signatures, as its answer about the root shows, which is signed.
    """
    answered = ("NOERROR", "NXDOMAIN")
    if checked == "SERVFAIL" and unchecked in answered:
        return Trust.BOGUS
    if checked not in answered or not (authentic or checks):
        return Trust.UNSAID
    return Trust.RIGHT if authentic else Trust.UNSIGNED


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
