"""The way along aliases, and where a wildcard record ends it."""

from __future__ import annotations

import pytest

from certbot_external_auth.visibility import Hop, Observation, Outcome
from certbot_external_auth.visibility.dns.aliases import Step, chain, chains, without_wildcards

PLACE = "_acme-challenge.a.test"


def hop(name: str, target: str, zone: str = "") -> Hop:
    return Hop(name, target, "ns", "192.0.2.1:53", zone)


def row(asked: str, *hops: Hop, outcome: Outcome = Outcome.MATCH, zone: str = "") -> Observation:
    return Observation(PLACE, "ns", "192.0.2.1:53", outcome, asked=asked, zone=zone, hops=hops)


def test_the_way_has_the_zone_of_each_name() -> None:
    hops = (hop(PLACE, "b.test", "a.test"), hop("b.test", "c.test", "b.test"), hop(PLACE, "x.test", "a.test"))
    way = chain(row("c.test", *hops, zone="c.test"))
    assert way == (Step(PLACE, "a.test"), Step("b.test", "b.test"), Step("c.test", "c.test"))
    assert chain(row("", zone="a.test")) == (Step(PLACE, "a.test"),)


def test_what_a_resolver_leaves_out_is_not_needed() -> None:
    assert chain(row("c.test", zone="c.test")) == (Step(PLACE), Step("c.test", "c.test"))


def test_hops_in_a_circle_have_an_end() -> None:
    assert chain(row("c.test", hop("b.test", "c.test"), hop("c.test", "b.test")))[0] == Step(PLACE)


def test_a_way_that_leads_to_an_answer_counts_more() -> None:
    lame = row("x.test", hop(PLACE, "x.test"), outcome=Outcome.TIMEOUT)
    circle = row("y.test", hop(PLACE, "y.test"), outcome=Outcome.NO_RECORD)
    right = row("c.test", hop(PLACE, "c.test"))
    assert chains([lame, circle, right])[PLACE][-1] == Step("c.test")
    assert chains([lame, circle])[PLACE][-1] == Step("x.test")
    assert chains([circle, row("")]) == {}


WAY = (Step("a"), Step("b"), Step("c"))


@pytest.mark.parametrize(
    ("led", "end"),
    [
        ({("a-sibling", "b")}, "a"),
        ({("b-sibling", "c")}, "b"),
        ({("a-sibling", "b"), ("b-sibling", "c")}, "a"),
        ({("a-sibling", "b-sibling"), ("b-sibling", "x")}, "c"),
        (set(), "c"),
    ],
    ids=["at the name", "at its target", "at both", "DNAME", "nowhere"],
)
def test_a_wildcard_record_ends_the_way(led: set[tuple[str, str]], end: str) -> None:
    siblings = {"a": "a-sibling", "b": "b-sibling"}
    assert without_wildcards(WAY, siblings, led)[-1].name == end
