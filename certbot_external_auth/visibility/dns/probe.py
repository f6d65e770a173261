"""Check TXT records as the CA will: at every address of every name server of the zone, and along aliases."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from certbot_external_auth.challenges import dns01
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Clue, Expectation, Observation, Outcome, Says, parallel, reach
from certbot_external_auth.visibility.dns import clues, response, wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.dns.resolver import Resolver, expand
from certbot_external_auth.visibility.dns.response import MAX_ALIASES, Said
from certbot_external_auth.visibility.dns.zone import Authority, Zone, Zones
from certbot_external_auth.visibility.probe import Surroundings

if TYPE_CHECKING:
    from dns.message import Message

logger = logging.getLogger(__name__)

MAX_ADDRESSES = 256
"""Asked at the same time. Many, so that dead ones do not hold up the others."""
MAX_EXPLAINED_ADDRESSES = 200
"""Asked for clues to the likely reason."""


@dataclass(frozen=True)
class _Trail:
    """An expectation on its way along aliases and down into zones.

    :ivar name: the name to ask about now.
    :ivar passed: the names before it.
    :ivar zone: where to ask; None as long as that is not known.
    :ivar referral: what an authority of the zone above said about the zone, until its servers are looked up.
    :ivar publicly: this authority has a public address.
    """

    expectation: Expectation
    name: str
    passed: tuple[str, ...] = ()
    zone: Zone | None = None
    referral: Said | None = None
    publicly: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        return (*self.passed, self.name)


@dataclass(frozen=True)
class _Asked:
    """The reply of one authority about one trail."""

    trail: _Trail
    authority: Authority
    reply: Reply


class Probe:
    """See `visibility.probe.Probe`.

    :param zones: finds zones; None to find them with this machine's resolvers.
    :param plainly: ask named servers only for what they have themselves, and not to look it up.
    """

    def __init__(self, surroundings: Surroundings, zones: Zones | None = None, plainly: bool = False) -> None:
        self._named = surroundings.nameservers
        self._plainly = plainly
        self._zones = zones or Zones(Resolver(self._named))
        self._named_zone: Zone | None = None
        self._dead: set[Endpoint] = set()

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        found: list[Observation] = []
        trails = [_Trail(one, one.place.lower()) for one in expectations]
        while trails:
            further: list[_Trail] = []
            placed = self._placed(trails, until)
            found += [observation for trail, zone in placed for observation in self._unasked(trail, zone)]
            for one in self._ask(placed, until):
                result = self._judged(one, until)
                if isinstance(result, Observation):
                    found.append(result)
                else:
                    further.append(result)
            # Many servers name the same alias.
            trails = list(
                {
                    (one.expectation.place, one.name, _zone_name(one)): one for one in self._referred(further, until)
                }.values()
            )
        order = {one.place: index for index, one in enumerate(expectations)}
        return sorted(found, key=lambda one: order[one.place])

    def follow(self, names: Sequence[str], until: float) -> dict[str, tuple[str, str]]:
        """Return for each name that is an alias its end and the zone of the end, before anything is published.

        An alias that only one server has counts: the others may have an older copy of the zone. If servers name
        different aliases, the first one counts.
        """
        now = time.monotonic()
        # The rest of the time is for wildcards, even if some servers are silent now.
        seen = self._before(names, now + (until - now) * 2 / 3)
        unsaid = set(names) - {one.place for one in seen if one.outcome is Outcome.MATCH or one.asked}
        if unsaid:
            logger.info("No server said whether these names are aliases: %s.", ", ".join(sorted(unsaid)[:5]))
        seen.sort(key=lambda one: one.outcome is not Outcome.MATCH)
        # A circle (NO_RECORD) has no end.
        ends = [one for one in seen if one.asked and one.outcome is not Outcome.NO_RECORD]
        found = {one.place: (one.asked, one.zone) for one in reversed(ends)}
        found = self._without_wildcards(found, until)
        unknown = [place for place, (_, zone) in found.items() if not zone]
        questions = [Question(found[place][0], "SOA") for place in unknown]
        replies = Resolver(self._named).ask(questions, until) if self._named and unknown else []
        for place, reply in zip(unknown, replies, strict=False):
            found[place] = (found[place][0], reply.read(response.soa, ("", None))[0])
        return found

    def _without_wildcards(self, found: Mapping[str, tuple[str, str]], until: float) -> dict[str, tuple[str, str]]:
        """Return the aliases without those of wildcard records, which a record at the name itself replaces."""
        siblings = {place: clues.sibling(place) for place in found if clues.fits(clues.sibling(place))}
        seen = self._before(list(siblings.values()), until) if siblings else []
        ends = {(one.place, one.asked) for one in seen}
        return {place: end for place, end in found.items() if (siblings.get(place), end[0]) not in ends}

    def _before(self, names: Sequence[str], until: float) -> list[Observation]:
        """Ask about names at which nothing is published yet, so that no resolver remembers that there is nothing."""
        # No value is wanted, so every answer is a match, except for a circle.
        wanted = [Expectation(dns01.TYPE, name, name, ()) for name in names]
        if not self._named:
            return self.look(wanted, until)
        now = time.monotonic()
        seen = Probe(Surroundings(self._named), plainly=True).look(wanted, now + (until - now) / 2)
        told = {one.place for one in seen if one.outcome is Outcome.MATCH or one.asked}
        # A named server that only repeats what others say does not count: ask the zone's own servers.
        rest = [one for one in wanted if one.place not in told]
        return [*seen, *(Probe(Surroundings(), self._zones).look(rest, until) if rest else ())]

    def explain(
        self, expectations: Sequence[Expectation], observations: Sequence[Observation], until: float
    ) -> list[Clue]:
        """Return serial numbers, wildcard records, and names with the zone's name twice; see `Observer.explain`."""
        wanted = {one.place: one for one in expectations}
        rows = [one for one in observations if one.address and one.outcome.says in (Says.YES, Says.NO)]
        late = {one.place for one in rows if one.outcome.says is Says.NO}
        rows = [one for one in rows if one.place in late][:MAX_EXPLAINED_ADDRESSES]
        found = parallel.each(lambda row: clues.at(wanted[row.place], row, bool(self._named), until), rows)
        return list(dict.fromkeys(clue for clues in found for clue in clues))

    # --- where to ask ---

    def _placed(self, trails: Sequence[_Trail], until: float) -> list[tuple[_Trail, Zone]]:
        """Return the trails, each with the zone whose servers are to be asked."""
        if self._named and any(trail.zone is None for trail in trails):
            zone = self._named_zone or _named_zone(self._named, until)
            if all(one.address is not None for one in zone.authorities):
                # If a named server has no address yet, it is looked up again the next time.
                self._named_zone = zone
            return [_placed(trail, trail.zone or zone) for trail in trails]
        zones = self._zones.of([trail.name for trail in trails if trail.zone is None], until)
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
        """Return the observations about a zone that is not known, and about servers without an address."""
        if not zone.authorities:
            # The CA may know the zone that an alias leads to, though this machine does not: that is not "unreachable".
            outcome = Outcome.SERVFAIL if trail.passed and zone.outcome is Outcome.UNREACHABLE else zone.outcome
            yield self._observation(trail, Authority("", None), outcome, detail=zone.detail)
        for authority in zone.authorities:
            if authority.address is None:
                outcome = authority.outcome or Outcome.UNREACHABLE
                yield self._observation(trail, authority, outcome, detail=authority.detail)

    def _ask(self, trails: Sequence[tuple[_Trail, Zone]], until: float) -> list[_Asked]:
        """Ask every address of each trail's zone, with one socket for each address, however many names there are."""
        jobs: dict[Endpoint, list[tuple[_Trail, Authority]]] = {}
        for trail, zone in trails:
            for authority in zone.authorities:
                if authority.address is not None:
                    jobs.setdefault(authority.address, []).append((trail, authority))

        def ask(address: Endpoint) -> list[_Asked]:
            # A named server may be a resolver. An authority ignores that recursion is desired.
            recursive = bool(self._named) and not self._plainly
            questions = [Question(trail.name, "TXT", recursive) for trail, _ in jobs[address]]
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

    def _judged(self, one: _Asked, until: float) -> Observation | _Trail:
        """Return an observation, or the trail on which to go on."""
        trail = one.trail
        said = one.reply.read(self._said, None, trail)
        if said is None:
            outcome = one.reply.failed or Outcome.TIMEOUT
            return self._observation(trail, one.authority, outcome, one.reply.seconds, detail=one.reply.detail)
        if said.referral is not None:
            asked = one.authority.address
            return replace(trail, referral=said, publicly=asked is not None and not reach.is_inside(asked.host))
        if said.alias is not None:
            return self._followed(one, said.alias)
        outcome = said.outcome or Outcome.SERVFAIL
        return self._observation(trail, one.authority, outcome, one.reply.seconds, said=said, detail=said.detail)

    def _said(self, message: Message, trail: _Trail) -> Said:
        if self._plainly and response.remembered(message):
            return Said(Outcome.NOT_AUTHORITATIVE)
        return response.read(message, trail.name, trail.expectation.values, _zone_name(trail))

    def _followed(self, one: _Asked, alias: str) -> Observation | _Trail:
        trail = one.trail
        if alias in trail.steps or len(trail.steps) > MAX_ALIASES:
            circle = " → ".join([*trail.steps, alias])
            words = f"its aliases run in a circle: {circle}" if alias in trail.steps else f"too many aliases: {circle}"
            return self._observation(trail, one.authority, Outcome.NO_RECORD, one.reply.seconds, detail=words)
        return _Trail(trail.expectation, alias, trail.steps)

    def _observation(
        self,
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
        )


def _placed(trail: _Trail, zone: Zone) -> tuple[_Trail, Zone]:
    return replace(trail, zone=zone), zone


def _zone_name(trail: _Trail) -> str | None:
    """Return the name of the zone; None for named servers, whose zone is not known."""
    return trail.zone.name if trail.zone is not None else None


def _named_zone(named: Sequence[Endpoint], until: float) -> Zone:
    """Return the servers that the administrator named, as if they were those of a zone."""
    found = []
    for one in named:
        addresses, _ = expand([one], until)
        found += [Authority(one.host, address) for address in addresses]
        if not addresses:
            words = "this machine does not know its address; check --external-auth-verify-nameservers"
            found.append(Authority(one.host, None, Outcome.TIMEOUT, words))
    return Zone(None, tuple(found))
