"""Follow the hops from a name to the end of its aliases. Pure functions."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from certbot_external_auth.visibility import Observation, Outcome, Says

MOST_SERVERS = 3
"""How many servers of each zone are passed on, the fastest first."""


@dataclass(frozen=True)
class Step:
    """A name on the way, and the zone that it lies in; empty if that is not known."""

    name: str
    zone: str = ""


Chain = tuple[Step, ...]
"""The steps from a name to the end of its aliases; a single one if it is not an alias."""


def chain(row: Observation) -> Chain:
    """Return the way from the place to the name that a row is about."""
    begin, name = row.place.lower(), row.asked or row.place.lower()
    steps = [Step(name, row.zone)]
    left = {hop.target: hop for hop in reversed(row.hops)}
    while name != begin and name in left:
        hop = left.pop(name)
        name = hop.name
        steps.append(Step(name, hop.zone))
    if name != begin:
        # A resolver leaves out what is between.
        steps.append(Step(begin))
    return tuple(reversed(steps))


def chains(rows: Iterable[Observation]) -> dict[str, Chain]:
    """Return the way of each place that is an alias.

    An alias that only one server has counts: the others may have an older copy of the zone. If servers name different
    aliases, the first one counts that leads to an answer. A circle (`Outcome.NO_RECORD`) has no end.
    """
    ordered = sorted(rows, key=lambda row: row.outcome is not Outcome.MATCH)
    ends = [row for row in ordered if row.asked and row.outcome is not Outcome.NO_RECORD]
    return {row.place: chain(row) for row in reversed(ends)}


def servers(rows: Iterable[Observation]) -> tuple[str, ...]:
    """Return the addresses that answered about one place: of its own zone first, and of its alias's last zone last."""
    answered = sorted((row for row in rows if row.outcome.says in (Says.YES, Says.NO)), key=lambda row: row.seconds)
    ways = [[*(hop.address for hop in row.hops), row.address] for row in answered]
    found: dict[str, None] = {}
    for level in itertools.zip_longest(*ways, fillvalue=""):
        found.update(dict.fromkeys(list(dict.fromkeys(filter(None, level)))[:MOST_SERVERS]))
    return tuple(found)


def without_wildcards(way: Chain, siblings: Mapping[str, str], led: Collection[tuple[str, str]]) -> Chain:
    """Return the way up to the first alias that a wildcard record tells: a record at that name replaces it (RFC 4592).

    :param siblings: by name, a name beside it that does not exist.
    :param led: names with their targets. If a sibling has the same target as the name, a wildcard record tells it. The
        targets of a DNAME record differ, as the names do (RFC 6672).
    """
    for index, (step, following) in enumerate(itertools.pairwise(way)):
        if (siblings.get(step.name), following.name) in led:
            return way[: index + 1]
    return way
