"""Ask about records along aliases and down into zones, at every server of each zone at the same time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Hop, Observation, Outcome, parallel, reach
from certbot_external_auth.visibility.dns import response, wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.dns.response import MAX_ALIASES, Said
from certbot_external_auth.visibility.dns.zone import Authority, Zone, Zones

if TYPE_CHECKING:
    from dns.message import Message

MAX_ADDRESSES = 256
"""Asked at the same time. Many, so that dead ones do not hold up the others."""

Place = Callable[[Sequence[str], float], Mapping[str, Zone]]
"""A function that returns for each name the servers to ask, until a moment of the monotonic clock."""


@dataclass(frozen=True)
class _Trail:
    """An expectation on its way along aliases and down into zones.

    :ivar name: the name to ask about now.
    :ivar passed: the names before it.
    :ivar zone: where to ask; None as long as that is not known.
    :ivar referral: what an authority of the zone above said about the zone, until its servers are looked up.
    :ivar publicly: this authority has a public address.
    :ivar hops: see `Observation`.
    """

    expectation: Expectation
    name: str
    passed: tuple[str, ...] = ()
    zone: Zone | None = None
    referral: Said | None = None
    publicly: bool = False
    hops: tuple[Hop, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        return (*self.passed, self.name)


@dataclass(frozen=True)
class _Asked:
    """The reply of one authority about one trail."""

    trail: _Trail
    authority: Authority
    reply: Reply


class Walk:
    """A way to ask about records.

    :param place: where to ask about a name.
    :param zones: looks up zones that an authority refers to.
    :param stepwise: follow one alias at a time, also where the servers answer for its target.
    :param recursive: ask resolvers, which may remember what they look up.
    :param kind: the type of the records.
    """

    def __init__(
        self, place: Place, zones: Zones, stepwise: bool = True, recursive: bool = False, kind: str = response.TXT
    ) -> None:
        self._place = place
        self._zones = zones
        self._stepwise = stepwise
        self._recursive = recursive
        self._kind = kind
        self._dead: set[Endpoint] = set()

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """Return one observation for each expectation and address; see `visibility.probe.Probe`."""
        found: list[Observation] = []
        trails = [_Trail(one, one.place.lower()) for one in expectations]
        while trails:
            further: list[_Trail] = []
            placed = self._placed(trails, until)
            found += [observation for trail, zone in placed for observation in self._unasked(trail, zone)]
            for one in self._ask(placed, until):
                result = self._judged(one)
                if isinstance(result, Observation):
                    found.append(result)
                else:
                    further.append(result)
            trails = _merged(self._referred(further, until))
        order = {one.place: index for index, one in enumerate(expectations)}
        return sorted(found, key=lambda one: order[one.place])

    # --- where to ask ---

    def _placed(self, trails: Sequence[_Trail], until: float) -> list[tuple[_Trail, Zone]]:
        """Return the trails, each with the zone whose servers are to be asked."""
        names = list(dict.fromkeys(trail.name for trail in trails if trail.zone is None))
        zones = self._place(names, until) if names else {}
        return [_placed(trail, trail.zone or zones[trail.name]) for trail in trails]

    def _referred(self, trails: Sequence[_Trail], until: float) -> list[_Trail]:
        """Return the trails; those that lead into a zone below have its servers."""
        told = [(trail.referral, trail.publicly) for trail in trails if trail.referral is not None]
        zones = self._zones.below(told, until) if told else {}
        return [
            trail if trail.referral is None else replace(trail, zone=zones[str(trail.referral.referral)], referral=None)
            for trail in trails
        ]

    def _unasked(self, trail: _Trail, zone: Zone) -> Iterable[Observation]:
        """Return the observations about a zone that is not known, and about servers that are not asked."""
        if not zone.authorities:
            # The CA may know the zone that an alias leads to, though this machine does not: that is not "unreachable".
            outcome = Outcome.SERVFAIL if trail.passed and zone.outcome is Outcome.UNREACHABLE else zone.outcome
            yield _observation(trail, Authority("", None), outcome, detail=zone.detail)
        for authority in zone.authorities:
            if not _is_asked(authority):
                outcome = authority.outcome or Outcome.UNREACHABLE
                yield _observation(trail, authority, outcome, detail=authority.detail)

    def _ask(self, trails: Sequence[tuple[_Trail, Zone]], until: float) -> list[_Asked]:
        """Ask every address of each trail's zone, with one socket for each address, however many names there are."""
        jobs: dict[Endpoint, list[tuple[_Trail, Authority]]] = {}
        for trail, zone in trails:
            for authority in zone.authorities:
                if authority.address is not None and _is_asked(authority):
                    jobs.setdefault(authority.address, []).append((trail, authority))

        def ask(address: Endpoint) -> list[_Asked]:
            questions = [Question(trail.name, self._kind, self._recursive) for trail, _ in jobs[address]]
            replies = wire.ask(address, questions, until)
            return [_Asked(*job, reply) for job, reply in zip(jobs[address], replies, strict=True)]

        # In random order, and those last that were silent before: no address is left over every time.
        order = list(jobs)
        random.shuffle(order)
        order.sort(key=lambda address: address in self._dead)
        answers = parallel.each(ask, order, MAX_ADDRESSES)
        for address, found in zip(order, answers, strict=True):
            if found[0].reply.failed is not Outcome.NOT_ASKED:
                silent = all(one.reply.failed is Outcome.TIMEOUT for one in found)
                (self._dead.add if silent else self._dead.discard)(address)
        return [one for found in answers for one in found]

    # --- what the answers mean ---

    def _judged(self, one: _Asked) -> Observation | _Trail:
        """Return an observation, or the trail on which to go on."""
        trail = one.trail
        said = one.reply.read(self._said, None, trail)
        if said is None:
            outcome = one.reply.failed or Outcome.TIMEOUT
            return _observation(trail, one.authority, outcome, one.reply.seconds, detail=one.reply.detail)
        if said.referral is not None:
            asked = one.authority.address
            return replace(trail, referral=said, publicly=asked is not None and not reach.is_inside(asked.host))
        if said.alias is not None:
            return _followed(one, said.alias)
        outcome = said.outcome or Outcome.SERVFAIL
        seen = _observation(trail, one.authority, outcome, one.reply.seconds, said=said, detail=said.detail)
        return replace(seen, keeps=said.keeps) if self._recursive else seen

    def _said(self, message: Message, trail: _Trail) -> Said:
        wanted, zone = trail.expectation, _zone_name(trail)
        return response.read(message, trail.name, wanted.values, zone, self._stepwise, wanted.accepts, self._kind)


def _followed(one: _Asked, alias: str) -> Observation | _Trail:
    trail = one.trail
    if alias in trail.steps or len(trail.steps) > MAX_ALIASES:
        circle = " → ".join([*trail.steps, alias])
        words = f"its aliases run in a circle: {circle}" if alias in trail.steps else f"too many aliases: {circle}"
        return _observation(trail, one.authority, Outcome.NO_RECORD, one.reply.seconds, detail=words)
    address = str(one.authority.address or "")
    hop = Hop(trail.name, alias, one.authority.name, address, _zone_name(trail) or "")
    return _Trail(trail.expectation, alias, trail.steps, hops=(*trail.hops, hop))


def _merged(trails: Sequence[_Trail]) -> list[_Trail]:
    """Return each trail once, since many servers name the same alias, with the hops of all."""
    found: dict[tuple[str, str, str | None], _Trail] = {}
    for one in trails:
        key = one.expectation.place, one.name, _zone_name(one)
        earlier = found.get(key, one)
        found[key] = replace(earlier, hops=tuple(dict.fromkeys((*earlier.hops, *one.hops))))
    return list(found.values())


def _observation(
    trail: _Trail,
    authority: Authority,
    outcome: Outcome,
    seconds: float = 0.0,
    said: Said | None = None,
    detail: str = "",
) -> Observation:
    place = trail.expectation.place
    name = said.name if said is not None and said.name else trail.name
    return Observation(
        place=place,
        server=authority.name,
        address=str(authority.address or ""),
        outcome=outcome,
        seen=said.values if said is not None else (),
        seconds=seconds,
        detail=detail,
        asked=name if name != place.lower() else "",
        zone=_zone_name(trail) or "",
        wanted=trail.expectation.values,
        more=said.more if said is not None else 0,
        hops=trail.hops,
        whole=said.whole if said is not None else (),
    )


def _is_asked(authority: Authority) -> bool:
    """Tell whether a server is to be asked: its address is known, and nothing is known to be against it."""
    return authority.address is not None and authority.outcome is None


def _placed(trail: _Trail, zone: Zone) -> tuple[_Trail, Zone]:
    return replace(trail, zone=zone), zone


def _zone_name(trail: _Trail) -> str | None:
    """Return the name of the zone; None for named servers, whose zone is not known."""
    return trail.zone.name if trail.zone is not None else None
