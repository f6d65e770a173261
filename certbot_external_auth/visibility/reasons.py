"""Find the likely reason why a value is not visible, and what may help. Pure functions; `likely` has the sentences."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.visibility import Clue, Expectation, Observation, Outcome, Says, record_reasons
from certbot_external_auth.visibility.parallel import NO_TIME, NO_ZONE
from certbot_external_auth.visibility.publisher import Publisher
from certbot_external_auth.visibility.record_reasons import Reason
from certbot_external_auth.visibility.verdict import answered, by_place, said


def reasons(
    expectations: Sequence[Expectation],
    observations: Sequence[Observation],
    clues: Sequence[Clue],
    publisher: Publisher,
) -> list[Reason]:
    """Return the likely reasons, each once; of each place the surest first."""
    seen = by_place(expectations, observations)
    return list(dict.fromkeys(record_reasons.reasons(expectations, seen, clues, publisher)))


# --- advice ---


class Help(enum.Enum):
    """What may help."""

    MORE_TIME = enum.auto()
    """Give it more time."""
    NO_ROUTE = enum.auto()
    """This machine has no route to any of the servers: name others."""
    NO_IPV6_ROUTE = enum.auto()
    """The same, and all their addresses are IPv6."""
    SEE_TABLE = enum.auto()
    """No server said yes or no, for reasons that the table has."""
    DNS_CLOSED = enum.auto()
    """No name server answered: the way to them may be closed."""
    DNS_REFUSES = enum.auto()
    """Name servers answered that they do not tell this machine, or do not have the zone."""
    DNS_FAILS = enum.auto()
    """Name servers answered that they failed."""
    DNS_LAME = enum.auto()
    """Name servers answered without authority."""
    NO_ZONE = enum.auto()
    """The resolvers of this machine do not know the zone."""
    OTHER_SERVERS = enum.auto()
    """The CA may ask other servers than these."""
    OFF = enum.auto()
    """Do not check at all."""


@dataclass(frozen=True)
class Advice:
    """A way to help.

    :ivar timeout: of `Help.MORE_TIME`: the seconds that were waited at most.
    """

    kind: Help
    timeout: float = 0.0


def advice(observations: Sequence[Observation], timeout: float, named: bool) -> list[Advice]:
    """Return what may help.

    :param observations: of TXT records.
    :param timeout: seconds that were waited at most.
    :param named: the administrator named the servers.
    """
    found = [Advice(Help.MORE_TIME, timeout)] if Says.NO in said(observations) else []
    return [*found, *map(Advice, _about_servers(observations, named)), Advice(Help.OFF)]


_ANSWERS = {
    Outcome.REFUSED: Help.DNS_REFUSES,
    Outcome.SERVFAIL: Help.DNS_FAILS,
    Outcome.NOT_AUTHORITATIVE: Help.DNS_LAME,
}
"""What to do where a name server answers, but says neither yes nor no."""


def _about_servers(observations: Sequence[Observation], named: bool) -> list[Help]:
    """Return what to do about the servers that were asked."""
    unreachable = {row.outcome for row in observations} == {Outcome.UNREACHABLE}
    if unreachable and all(row.address for row in observations):
        ipv6 = all(row.address.startswith("[") for row in observations)
        return [Help.NO_IPV6_ROUTE if ipv6 else Help.NO_ROUTE]
    if answered(observations):
        return [] if named else [Help.OTHER_SERVERS]
    if any(map(_without_zone, observations)):
        return [Help.NO_ZONE]
    refusals = {row.outcome for row in observations} & _ANSWERS.keys()
    if refusals:
        return [kind for outcome, kind in _ANSWERS.items() if outcome in refusals]
    if not any(map(_may_be_the_way, observations)):
        return [Help.SEE_TABLE]
    return [Help.DNS_CLOSED]


def _without_zone(row: Observation) -> bool:
    """Tell whether a resolver answered, but not with the zone or its servers."""
    answered_at_all = row.outcome in _ANSWERS or row.detail == NO_ZONE
    return not row.server and not row.address and answered_at_all


def _may_be_the_way(row: Observation) -> bool:
    """Tell whether the way to the server may be at fault, rather than the server or the zone."""
    if row.outcome is Outcome.NOT_ASKED:
        return row.detail.startswith(NO_TIME)
    return row.outcome not in (Outcome.FAULT, Outcome.UNREACHABLE) or (not row.server and not row.address)
