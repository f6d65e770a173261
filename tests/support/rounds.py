"""Rounds of a look at two names, for tests of what mode manual shows of them."""

from __future__ import annotations

from collections.abc import Sequence

from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.watch import Round

NAME = "_acme-challenge.www.example.org"
OTHER = "_acme-challenge.b.test"
NAMED = {NAME: NAME, OTHER: OTHER}


def observation(
    outcome: Outcome, place: str = NAME, server: str = "ns1.example.org", seen: Sequence[str] = (), detail: str = ""
) -> Observation:
    return Observation(place, server, "192.0.2.1:53", outcome, tuple(seen), 0.1, detail)


def found(*observations: Observation, seconds: float = 0.0) -> Round:
    seen: dict[str, list[Observation]] = {}
    for one in observations:
        seen.setdefault(one.place, []).append(one)
    return Round(1, seconds, seen)


VISIBLE = observation(Outcome.MATCH)
ABSENT = observation(Outcome.NO_RECORD, OTHER)
