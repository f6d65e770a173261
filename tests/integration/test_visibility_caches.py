"""Resolvers that the administrator names and the CA asks too: what they remember, and that nothing is planted there.

The authority is BIND. Its zone lets others remember for an hour that there is nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from certbot_external_auth.endpoint import Endpoint, parse
from certbot_external_auth.visibility import Expectation, Observation, Outcome
from certbot_external_auth.visibility.dns.probe import Probe
from certbot_external_auth.visibility.dns.resolver import Resolver
from certbot_external_auth.visibility.dns.zone import Zones
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.verdict import State
from certbot_external_auth.visibility.watch import Policy, watch
from tests.support import dns
from tests.support.bind import Bind
from tests.support.caches import CACHES

ZONE, OTHER = "example.test", "other.test"
NAME, ALIAS, TARGET = f"_acme-challenge.{ZONE}", f"_acme-challenge.alias.{ZONE}", f"x.{OTHER}"
NEW = f"_acme-challenge.new.{ZONE}"
"""Below a name that does not exist either."""
REMEMBERED_SECONDS = 3600


class World:
    """An authority, and a resolver before it."""

    def __init__(self, authority: Bind, resolver: str) -> None:
        self.authority = authority
        self.resolver = parse(resolver, 53)

    def probe(self, *named: Endpoint, caches: bool = True) -> Probe:
        servers = named or (self.resolver,)
        return Probe(Surroundings(servers, caches=caches), Zones(Resolver(servers), self.authority.port))

    def resolved(self, name: str) -> list[str]:
        """What the CA sees."""
        return sorted(dns.txt(name, self.resolver.host, self.resolver.port))


@pytest.fixture(params=sorted(CACHES))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        records = f"here TXT ready\n_acme-challenge.alias CNAME {TARGET}.\n"
        authority = stack.enter_context(Bind(ZONE, OTHER, records=records, negative_ttl=REMEMBERED_SECONDS))
        resolver = stack.enter_context(CACHES[request.param](authority.server, f"here.{ZONE}"))
        yield World(authority, resolver)


def wanted(*values: str, name: str = NAME) -> Expectation:
    return Expectation("dns-01", name.removeprefix("_acme-challenge."), name, values, ("c1",))


def soon() -> float:
    return time.monotonic() + 10


def outcomes(rows: list[Observation]) -> dict[str, Outcome]:
    return {row.address: row.outcome for row in rows}


def test_nothing_is_planted_before_it_is_published(world: World) -> None:
    """Lost: the certificate, for as long as the resolver remembers that there is nothing."""
    assert world.probe().follow([NAME, ALIAS, NEW], soon()) == {ALIAS: (TARGET, OTHER)}
    world.authority.change(f"add {NAME} 60 TXT one", f"add {NEW} 60 TXT three")
    world.authority.change(f"add {TARGET} 60 TXT two")
    assert (world.resolved(NAME), world.resolved(TARGET), world.resolved(NEW)) == (["one"], ["two"], ["three"])


def test_a_value_that_comes_late_is_seen_as_soon_as_it_is_there(world: World) -> None:
    """Lost: an hour of a person's time in mode manual, where the first look comes before the value."""
    looking = world.probe()
    told: list[dict[str, Outcome]] = []

    def pause(_: float) -> bool:
        world.authority.change(f"add {TARGET} 60 TXT one")
        return False

    batch = [wanted("one", name=ALIAS)]
    seen = watch(looking.look, batch, Policy("strict", 60), lambda one: told.append(outcomes(one.observations)), pause)
    assert list(seen.states.values()) == [State.VISIBLE]
    authority, resolver = world.authority.server, str(world.resolver)
    assert told == [{authority: Outcome.NO_SUCH_NAME}, {authority: Outcome.MATCH, resolver: Outcome.MATCH}]


def test_a_rehearsal_sees_what_the_handler_does_and_not_what_is_remembered(world: World) -> None:
    """Lost: a right handler, which is said to publish nothing, to add nothing and to remove nothing."""
    looking = world.probe(caches=False)

    def outcome(*values: str) -> Outcome:
        (row,) = looking.look([wanted(*values)], soon())
        return row.outcome

    assert outcome("one", "two") is Outcome.NO_SUCH_NAME
    world.authority.change(f"add {NAME} 600 TXT one")
    assert outcome("one") is Outcome.MATCH
    world.authority.change(f"add {NAME} 600 TXT two")
    assert outcome("one", "two") is Outcome.MATCH
    world.authority.change(f"del {NAME} TXT one")
    assert (outcome("two"), outcome("one")) == (Outcome.MATCH, Outcome.OTHER_VALUES)


def test_a_resolver_that_remembers_says_for_how_long(world: World) -> None:
    assert world.resolved(NAME) == []
    world.authority.change(f"add {NAME} 60 TXT one")
    rows = world.probe().look([wanted("one")], soon())
    authority, resolver = rows
    assert (authority.outcome, authority.keeps) == (Outcome.MATCH, None)
    assert (resolver.address, resolver.outcome) == (str(world.resolver), Outcome.NO_SUCH_NAME)
    assert resolver.keeps is not None
    assert 0 < resolver.keeps <= REMEMBERED_SECONDS


def test_a_named_authority_is_asked_itself_also_if_it_resolves_for_others(world: World) -> None:
    authority = parse(world.authority.server, 53)
    rows = world.probe(authority, world.resolver, caches=False).look([wanted("one")], soon())
    assert [(row.server, row.address, row.zone) for row in rows] == [(authority.host, str(authority), ZONE)]
