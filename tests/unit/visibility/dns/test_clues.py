"""What is asked after the watch, for the likely reason: over real sockets, from name servers in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome
from certbot_external_auth.visibility.dns import clues, response
from tests.support.name_servers import Net

NS = "127.0.4.9"
NAME = "_acme-challenge.a.test"
SOA = "@ 60 IN SOA ns hostmaster 7 60 60 60 60\n"
WANTED = Expectation("dns-01", "a.test", NAME, ("one",))


@pytest.fixture
def net() -> Iterator[Net]:
    with Net([NS]) as found:
        yield found


def row(net: Net, outcome: Outcome, *seen: str, asked: str = "") -> Observation:
    return Observation(NAME, "ns.a.test", f"{NS}:{net.port}", outcome, seen, asked=asked, zone="a.test")


def found(net: Net, observation: Observation, recursive: bool = False) -> list[Clue]:
    return clues.at(WANTED, observation, recursive, time.monotonic() + 10)


def test_the_serial_number_is_that_of_the_server(net: Net) -> None:
    net.serve("a.test", SOA + "_acme-challenge 60 IN TXT one\n", [NS])
    assert found(net, row(net, Outcome.MATCH, "one")) == [
        Clue(NAME, Found.SERIAL, "7", "ns.a.test", f"{NS}:{net.port}", "a.test")
    ]
    assert net[NS].to_look_up == []
    found(net, row(net, Outcome.MATCH, "one"), recursive=True)
    assert NAME in [name.rstrip(".") for name in net[NS].to_look_up]


def test_values_of_a_wildcard_record_are_known_by_a_name_that_does_not_exist(net: Net) -> None:
    net.serve("a.test", SOA + "* 60 IN TXT parked\n", [NS])
    (_, clue) = found(net, row(net, Outcome.OTHER_VALUES, "parked"))
    assert (clue.place, clue.found, clue.text) == (NAME, Found.WILDCARD, "*.a.test")
    assert [one.found for one in found(net, row(net, Outcome.OTHER_VALUES, "other"))] == [Found.SERIAL]
    assert [one.found for one in found(net, row(net, Outcome.NO_RECORD))] == [Found.SERIAL]


def test_a_value_at_the_name_with_the_zone_twice(net: Net) -> None:
    net.serve("a.test", SOA + "_acme-challenge.a.test 60 IN TXT one\n", [NS])
    (_, clue) = found(net, row(net, Outcome.NO_SUCH_NAME))
    assert (clue.place, clue.found, clue.text) == (NAME, Found.DOUBLED, f"{NAME}.a.test")
    net.serve("a.test", SOA + "_acme-challenge.a.test 60 IN TXT two\n", [NS])
    assert [one.found for one in found(net, row(net, Outcome.NO_SUCH_NAME))] == [Found.SERIAL]
    # What is right is not looked for elsewhere.
    before = len(net[NS].asked)
    found(net, row(net, Outcome.MATCH, "one"))
    assert not any(f"{NAME}.a.test." in question for question in net[NS].asked[before:])


def test_the_end_of_an_alias_is_asked_about(net: Net) -> None:
    net.serve("b.test", SOA + "x.b.test 60 IN TXT one\n", [NS])
    found_there = found(net, row(net, Outcome.NO_RECORD, asked="x.b.test"))
    assert [(one.found, one.text) for one in found_there] == [(Found.SERIAL, "7"), (Found.DOUBLED, "x.b.test.b.test")]


def test_a_server_that_cannot_be_asked_has_no_clue(net: Net) -> None:
    assert found(net, Observation(NAME, "ns", "no address", Outcome.NO_RECORD)) == []
    net[NS].behaviour = "refused"
    assert found(net, row(net, Outcome.NO_RECORD)) == []


@pytest.mark.parametrize(("length", "fits"), [(253, True), (254, False)])
def test_a_name_has_a_length(length: int, fits: bool) -> None:
    assert response.fits("a" * length) is fits
    assert response.fits("a" * length + ".") is fits


def test_a_name_beside_another_is_a_new_one_every_time() -> None:
    beside = {clues.sibling(NAME) for _ in range(3)}
    assert len(beside) == 3
    assert all(one.startswith("_acme-challenge-") and one.endswith(".a.test") for one in beside)
