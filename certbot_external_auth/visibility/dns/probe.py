"""Look records up as the CA will: at every address of every name server of the zone, and along aliases."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from certbot_external_auth.challenges import dns01
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome, Says, parallel, this_host
from certbot_external_auth.visibility.dns import aliases, clues, response
from certbot_external_auth.visibility.dns.aliases import Chain
from certbot_external_auth.visibility.dns.named import Named
from certbot_external_auth.visibility.dns.resolver import Resolver, expand
from certbot_external_auth.visibility.dns.walk import Place, Walk
from certbot_external_auth.visibility.dns.zone import Authority, Zone, Zones
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.verdict import by_place, said

logger = logging.getLogger(__name__)

MAX_EXPLAINED_ADDRESSES = 200
"""Asked for clues to the likely reason."""
_LABEL = "_acme-challenge"
"""A label whose name above is the name that is meant. No server is asked about the name with it."""


def _log_unsaid(names: Collection[str]) -> None:
    logger.info("No server said whether these names are aliases: %s.", ", ".join(sorted(names)[:5]))


class Probe:
    """See `visibility.probe.Probe`.

    :param zones: finds zones; None to find them with the named servers, or with this machine's resolvers.
    """

    def __init__(self, surroundings: Surroundings, zones: Zones | None = None) -> None:
        named = self._nameservers = surroundings.nameservers
        self._caches = surroundings.caches
        self._zones = zones or Zones(Resolver(named))
        self._named = Named(named, self._zones) if named else None
        self._walk = Walk(self._named.place if self._named else self._zones.of, self._zones)
        # Finds what no named server knows.
        own = zones or Zones(Resolver())
        self._abroad = Walk(own.of, own)

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """See `visibility.probe.Probe`.

        A named resolver is asked only about values that the authorities show, or about which they do not answer: it
        would remember that a value is not there.
        """
        if self._named is None:
            return self._walk.look(expectations, until)
        places = [one.place.lower() for one in expectations]
        self._named.learn(places, until, again=True)
        resolving = self._caches and self._named.resolve(places)
        now = time.monotonic()
        found = self._walk.look(expectations, now + (until - now) / 2 if resolving else until)
        return self._resolved(self._named, expectations, found, until) if self._caches else found

    def _resolved(
        self, named: Named, expectations: Sequence[Expectation], found: Sequence[Observation], until: float
    ) -> list[Observation]:
        """Return the rows with those of the resolvers, for each value that no authority denies."""
        rows = by_place(expectations, found)
        kept: list[Observation] = []
        groups: dict[tuple[Authority, ...], list[Expectation]] = {}
        for one in expectations:
            mine = rows[one.place]
            if not named.resolve({step.name for row in mine for step in aliases.chain(row)}):
                kept += mine
                continue
            # The administrator named resolvers, so name servers that do not answer this machine do not count.
            kept += [row for row in mine if row.address in named or row.outcome.says in (Says.YES, Says.NO)]
            if Says.NO not in said(mine):
                groups.setdefault(named.others(mine), []).append(one)
        for servers, group in groups.items():
            kept += Walk(_at(servers), self._zones, stepwise=False, recursive=True).look(group, until)
        order = {one.place: index for index, one in enumerate(expectations)}
        return sorted(kept, key=lambda row: order[row.place])

    def follow(
        self, names: Sequence[str], until: float, unsaid: Callable[[Collection[str]], None] = _log_unsaid
    ) -> dict[str, tuple[str, str]]:
        """Return for each name that is an alias its end and the zone of the end, before anything is published.

        :param unsaid: takes the names about which no server answered.
        """
        if self._named is not None:
            self._named.learn([name.lower() for name in names], until, again=True)
        now = time.monotonic()
        # The rest of the time is for wildcards, even if some servers are silent now.
        seen = self._walk.look(_any(names), now + (until - now) / 2)
        silent = set(names) - {row.place for row in seen if row.outcome is Outcome.MATCH or row.asked}
        if silent:
            unsaid(silent)
        ways = self._with_zones(aliases.chains(seen), seen, now + (until - now) * 3 / 4)
        ends = {place: way[-1] for place, way in self._without_wildcards(ways, until).items()}
        return {place: (end.name, end.zone) for place, end in ends.items() if end.name != place.lower()}

    def whereabouts(self, names: Sequence[str], until: float) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return the zone of each name, empty if it is not known, and its servers; see `aliases.servers`."""
        if self._named is not None:
            self._named.learn([name.lower() for name in names], until, again=True)
        seen = by_place(_any(names), self._walk.look(_any(names), until))
        zones = {name: [row.hops[0].zone if row.hops else row.zone for row in rows] for name, rows in seen.items()}
        return {name: (next(filter(None, zones[name]), ""), aliases.servers(rows)) for name, rows in seen.items()}

    def records(self, names: Sequence[str], kind: str, until: float) -> list[Observation]:
        """Return what the authorities say about the records of a type at names, which are the places of the rows.

        Every answer is `Outcome.MATCH`; `Observation.seen` has the records as a zone file has them.
        """
        place = self._named.place if self._named else self._zones.of
        return Walk(_where_it_lies(place), self._zones, kind=kind).look(_any(names), until)

    def resolvers(self, until: float) -> list[Endpoint]:
        """Return the named servers, else this machine's resolvers, by address."""
        return expand(self._nameservers, until)[0] if self._nameservers else this_host.resolvers()

    def explain(
        self, expectations: Sequence[Expectation], observations: Sequence[Observation], until: float
    ) -> list[Clue]:
        """Return serial numbers, wildcard records, and names with the zone's name twice; see `Observer.explain`."""
        wanted = {one.place: one for one in expectations}
        rows = [row for row in observations if row.address and row.outcome.says in (Says.YES, Says.NO)]
        late = {row.place for row in rows if row.outcome.says is Says.NO}
        rows = [row for row in rows if row.place in late][:MAX_EXPLAINED_ADDRESSES]
        found = parallel.each(lambda row: clues.at(wanted[row.place], row, self._named is not None, until), rows)
        # Those that told of an alias have the newest copy of its zone, even if they have nothing else to say.
        hops = list(dict.fromkeys((row.place, hop) for row in rows for hop in row.hops))[:MAX_EXPLAINED_ADDRESSES]
        found += parallel.each(lambda pair: clues.of_hop(*pair, until), hops)
        return [*dict.fromkeys(clue for each in found for clue in each), *self._ends(rows, until)]

    def _ends(self, rows: Sequence[Observation], until: float) -> list[Clue]:
        """Return where aliases end without wildcard records, where that is another name than the rows are about."""
        ways = aliases.chains(row for row in rows if row.outcome.says is Says.NO)
        ends = {place: way[-1] for place, way in self._without_wildcards(ways, until).items() if way != ways[place]}
        found = [Clue(place, Found.END, end.name, zone=end.zone) for place, end in ends.items()]
        stars = {place: response.below("*", response.parent(end.name)) for place, end in ends.items()}
        return [*found, *(Clue(place, Found.WILDCARD, star) for place, star in stars.items())]

    def _with_zones(self, ways: Mapping[str, Chain], rows: Sequence[Observation], until: float) -> dict[str, Chain]:
        """Return the ways with the zone of each end, which a named server may not know.

        If no named server answers about the end, the way goes on as this machine's resolvers know it.
        """
        found = dict(ways)
        lost = {place: way[-1].name for place, way in ways.items() if not way[-1].zone}
        answering = {row.asked for row in rows if row.outcome.says in (Says.YES, Says.NO)}
        for walk, names in (
            (Walk(self._zones.of, self._zones), set(lost.values())),
            (self._abroad, set(lost.values()) - answering),
        ):
            names &= {way[-1].name for way in found.values() if not way[-1].zone}
            seen = walk.look(_any(sorted(names)), until) if names else []
            further = {row.place: aliases.chain(row) for row in reversed(seen) if row.zone}
            for place, way in found.items():
                if not way[-1].zone and way[-1].name in further:
                    found[place] = (*way[:-1], *further[way[-1].name])
        return found

    def _without_wildcards(self, ways: Mapping[str, Chain], until: float) -> dict[str, Chain]:
        """Return the ways up to the first alias that a wildcard record tells; see `aliases.without_wildcards`."""
        names = list(dict.fromkeys(step.name for way in ways.values() for step in way[:-1]))
        siblings = {name: clues.sibling(name) for name in names if response.fits(clues.sibling(name))}
        seen = self._walk.look(_any(list(siblings.values())), until) if siblings else []
        led = {(hop.name, hop.target) for row in seen for hop in row.hops}
        return {place: aliases.without_wildcards(way, siblings, led) for place, way in ways.items()}


def _any(names: Sequence[str]) -> list[Expectation]:
    """Return expectations of no value, so that every answer is a match, except for a circle."""
    return [Expectation(dns01.TYPE, name, name, ()) for name in names]


def _where_it_lies(place: Place) -> Place:
    """Return a function that finds the zone of a name itself, from one that finds the zone of the name above."""

    def of(names: Sequence[str], until: float) -> Mapping[str, Zone]:
        below = {name: response.below(_LABEL, name) for name in names}
        below.update({name: name for name in names if not response.fits(below[name])})
        found = place(list(below.values()), until)
        return {name: found[under] for name, under in below.items()}

    return of


def _at(servers: tuple[Authority, ...]) -> Place:
    return lambda names, _: dict.fromkeys(names, Zone(None, servers))
