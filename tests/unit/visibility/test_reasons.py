"""The likely reasons and the advice, as data. `test_report` has the words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome
from certbot_external_auth.visibility.near_miss import Miss, NearMiss
from certbot_external_auth.visibility.parallel import NO_TIME, NO_ZONE
from certbot_external_auth.visibility.publisher import Publisher
from certbot_external_auth.visibility.reasons import Advice, Help, advice, reasons
from certbot_external_auth.visibility.record_reasons import (
    Aliased,
    FirstOnly,
    Fix,
    FromWildcard,
    Nearly,
    OldSerial,
    Reason,
    Remembered,
    Replaced,
)

PLACE = "_acme-challenge.example.org"
HOOK = Publisher("The handler /hook", "native")
CHAINED = Publisher("The handler /hook", "dehydrated", chained=True)
DRIVER = Publisher("The program that drives Certbot")
PERSON = Publisher()


def wanted(*values: str, place: str = PLACE) -> Expectation:
    return Expectation("dns-01", "example.org", place, values, ("c1",))


def row(
    number: int, outcome: Outcome, *values: str, place: str = PLACE, asked: str = "", zone: str = ""
) -> Observation:
    return Observation(place, f"ns{number}", f"192.0.2.{number}:53", outcome, values, 0.01, "", asked, zone)


def found(
    rows: list[Observation], *clues: Clue, values: tuple[str, ...] = ("one",), publisher: Publisher = HOOK
) -> list[Reason]:
    return reasons([wanted(*values)], rows, clues, publisher)


@pytest.mark.parametrize(
    ("publisher", "fix"),
    [
        (HOOK, Fix.DIALECT_AND_CHAIN),
        (Publisher("The handler /hook", "dehydrated"), Fix.CHAIN),
        (CHAINED, Fix.NONE),
        (DRIVER, Fix.NONE),
    ],
)
def test_values_that_replace_each_other(publisher: Publisher, fix: Fix) -> None:
    rows = [row(1, Outcome.OTHER_VALUES, "two"), row(2, Outcome.TIMEOUT)]
    both = ("one", "two")
    assert found(rows, values=both, publisher=publisher) == [Replaced(PLACE, 2, 1, (), fix)]


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        ([row(1, Outcome.OTHER_VALUES, "two"), row(2, Outcome.MATCH, "one", "two")], ("one", "two")),
        ([row(1, Outcome.OTHER_VALUES, "old")], ("one",)),
        ([row(1, Outcome.OTHER_VALUES, "old")], ("one", "two")),
        ([row(1, Outcome.OTHER_VALUES, "one")], ("one", "two")),
        ([row(1, Outcome.OTHER_VALUES, "two", "old")], ("one", "two")),
        ([replace(row(1, Outcome.OTHER_VALUES, "two"), more=4)], ("one", "two")),
        ([row(1, Outcome.OTHER_VALUES, "one"), row(2, Outcome.OTHER_VALUES, "two")], ("one", "two")),
    ],
    ids=[
        "one server has both",
        "one value is wanted",
        "none of the values is there",
        "the first one is there",
        "another value stands beside it",
        "other values are not shown",
        "each server has another one",
    ],
)
def test_other_values_are_not_always_replaced(rows: list[Observation], values: tuple[str, ...]) -> None:
    assert found(rows, values=values) == []


def test_a_person_who_has_not_typed_both_replaces_nothing() -> None:
    for value in ("one", "two"):
        assert found([row(1, Outcome.OTHER_VALUES, value)], values=("one", "two"), publisher=PERSON) == []


@pytest.mark.parametrize("others", [(), ("old", "older")])
def test_a_hook_that_does_not_know_chains(others: tuple[str, ...]) -> None:
    """Lost: the way out, which is another setting than for a hook that replaces values."""
    rows = [row(1, Outcome.OTHER_VALUES, "one", *others)]
    assert found(rows, values=("one", "two"), publisher=CHAINED) == [FirstOnly(PLACE, 2)]
    assert found(rows, values=("one", "two"), publisher=HOOK) == []


def test_a_near_miss() -> None:
    rows = [row(1, Outcome.OTHER_VALUES, '"one"'), row(2, Outcome.OTHER_VALUES, '"one"'), row(3, Outcome.MATCH, "one")]
    assert found(rows) == [Nearly(PLACE, NearMiss(Miss.QUOTES, "one", '"one"'))]
    # Whoever writes to the end of the alias knows the alias.
    assert found([row(1, Outcome.OTHER_VALUES, "ONE", asked="x.test")]) == [
        Nearly(PLACE, NearMiss(Miss.CASE, "one", "ONE"))
    ]


def test_values_that_stand_at_the_names_of_each_other() -> None:
    batch = [wanted("va", place="a"), wanted("vb", place="b")]
    rows = [row(1, Outcome.OTHER_VALUES, "vb", place="a"), row(1, Outcome.OTHER_VALUES, "va", place="b")]
    assert reasons(batch, rows, (), PERSON) == [
        Nearly("a", NearMiss(Miss.OTHER_NAME, "va", "va", "b")),
        Nearly("b", NearMiss(Miss.OTHER_NAME, "vb", "vb", "a")),
    ]


def test_a_resolver_that_remembers() -> None:
    rows = [row(1, Outcome.MATCH, "one"), replace(row(2, Outcome.NO_SUCH_NAME), keeps=48)]
    assert found(rows) == [Remembered("ns2", "192.0.2.2:53", 48)]
    assert found([replace(row(2, Outcome.NO_SUCH_NAME), keeps=0)]) == []


def shared(*rows: tuple[str, int, Outcome, tuple[str, ...]]) -> list[Reason]:
    """Return the reasons where a and b are aliases of x.other.org, and each wants a value of its own there."""
    batch = [wanted("va", place="a"), wanted("vb", place="b")]
    observations = [
        row(number, outcome, *values, place=place, asked="x.other.org", zone="other.org")
        for place, number, outcome, values in rows
    ]
    return reasons(batch, observations, (), Publisher("The handler /hook", "native", chained=True))


def test_values_of_several_aliases_that_replace_each_other() -> None:
    """Guards against sending the administrator to another zone: the last value stands at the right place."""
    both, other, match = ("va", "vb"), Outcome.OTHER_VALUES, Outcome.MATCH
    assert shared(("a", 1, other, ("vb",)), ("b", 1, match, ("vb",))) == [Replaced("x.other.org", 2, 1, ("a", "b"))]
    late = shared(("a", 1, other, ("vb",)), ("b", 1, match, ("vb",)), ("a", 2, match, both), ("b", 2, match, both))
    assert late == [Aliased("a", "x.other.org", "other.org")]
    elsewhere = shared(("a", 1, other, ("old",)), ("b", 1, other, ("old",)))
    assert elsewhere == [Aliased(place, "x.other.org", "other.org") for place in ("a", "b")]


def test_an_alias_of_a_name_of_the_batch_shares_its_values() -> None:
    rows = [row(1, Outcome.OTHER_VALUES, "vb", place="a", asked="b"), row(1, Outcome.MATCH, "vb", place="B")]
    batch = [wanted("va", place="a"), wanted("vb", place="B")]
    assert reasons(batch, rows, (), DRIVER) == [Replaced("b", 2, 1, ("a",))]


def test_an_alias_is_a_reason_only_where_the_record_is_missing() -> None:
    rows = [row(1, Outcome.NO_RECORD, asked="x.other.org", zone="other.org"), row(2, Outcome.NO_RECORD, asked="x.test")]
    assert found(rows) == [Aliased(PLACE, "x.other.org", "other.org")]
    assert found([row(1, Outcome.MATCH, "one", asked="x.other.org")]) == []


def test_an_alias_ends_where_a_wildcard_record_goes_on() -> None:
    rows = [row(1, Outcome.NO_RECORD, asked="x.other.org", zone="other.org")]
    end = Clue(PLACE, Found.END, "three.wy.test", zone="wy.test")
    assert found(rows, end) == [Aliased(PLACE, "three.wy.test", "wy.test")]
    assert found(rows, Clue(PLACE, Found.END, PLACE)) == []


def serial(number: int, value: int, zone: str = "") -> Clue:
    return Clue(PLACE, Found.SERIAL, str(value), f"ns{number}", f"192.0.2.{number}:53", zone)


@pytest.mark.parametrize(
    ("newest", "late", "told"),
    [(2, 1, True), (3, 2**32 - 1, True), (3, 3, False), (1, 2, False)],
    ids=["older", "older across the end of the numbers", "equal", "newer"],
)
def test_an_old_serial(newest: int, late: int, told: bool) -> None:
    rows = [row(1, Outcome.MATCH, "one"), row(2, Outcome.NO_RECORD)]
    expected = [OldSerial("ns2", "192.0.2.2:53", late, "ns1", "192.0.2.1:53", newest)]
    assert found(rows, serial(1, newest), serial(2, late)) == (expected if told else [])


def test_serial_numbers_of_different_zones_are_not_compared() -> None:
    """Lost: the server that lags. It does not know the alias yet, and the zone of the target counts otherwise."""
    rows = [row(1, Outcome.NO_SUCH_NAME, zone="a.test"), row(2, Outcome.MATCH, "one", asked="x.b.test", zone="b.test")]
    assert found(rows, serial(1, 4, "a.test"), serial(2, 2026, "b.test")) == []
    told = [serial(1, 4, "a.test"), serial(2, 2026, "b.test"), serial(3, 5, "a.test")]
    lags = OldSerial("ns1", "192.0.2.1:53", 4, "ns3", "192.0.2.3:53", 5, "a.test")
    assert found(rows, *told) == [lags]
    # It has the newest copy of the one zone, and says no in the other.
    rows = [row(1, Outcome.NO_RECORD, asked="x.b.test", zone="b.test")]
    assert OldSerial not in map(type, found(rows, *told))


def test_the_surest_reason_comes_first() -> None:
    rows = [row(1, Outcome.OTHER_VALUES, "two", asked="x.test"), row(2, Outcome.OTHER_VALUES, "two", asked="x.test")]
    clues = [
        serial(1, 2),
        serial(2, 1),
        Clue(PLACE, Found.WILDCARD, "*.example.org"),
        Clue(PLACE, Found.DOUBLED, f"{PLACE}.example.org", values=("one",)),
        Clue("elsewhere", Found.WILDCARD, "*.elsewhere"),
    ]
    assert found(rows, *clues, values=("one", "two")) == [
        Nearly(PLACE, NearMiss(Miss.ZONE_TWICE, "one", "one", f"{PLACE}.example.org")),
        Replaced("x.test", 2, 1, (), Fix.DIALECT_AND_CHAIN),
        FromWildcard(PLACE, "*.example.org"),
        OldSerial("ns2", "192.0.2.2:53", 1, "ns1", "192.0.2.1:53", 2),
    ]


def test_there_is_no_reason_without_a_server_that_denies() -> None:
    wildcard = Clue(PLACE, Found.WILDCARD, "*.example.org")
    assert found([row(1, Outcome.MATCH, "one")], wildcard) == []
    assert found([row(1, Outcome.TIMEOUT)], wildcard) == []


# --- advice ---


def kinds(*rows: Observation, named: bool = False) -> list[Help]:
    return [each.kind for each in advice(rows, 120, named)]


NO_IPV6 = Observation(PLACE, "ns1", "[2001:db8::1]:53", Outcome.UNREACHABLE)
NO_IPV4 = Observation(PLACE, "ns1", "192.0.2.1:53", Outcome.UNREACHABLE)
NO_RESOLVER = Observation(PLACE, "", "", Outcome.UNREACHABLE, detail="asking this machine's resolver: no route")
UNKNOWN_ZONE = Observation(PLACE, "", "", Outcome.UNREACHABLE, detail=NO_ZONE)
NO_ADDRESS = Observation(PLACE, "ns1", "", Outcome.UNREACHABLE)
NOT_PUBLIC = Observation(PLACE, "ns1", "", Outcome.NOT_ASKED, detail="it is not public")
LATE = Observation(PLACE, "ns1", "192.0.2.1:53", Outcome.NOT_ASKED, detail=NO_TIME)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([row(1, Outcome.TIMEOUT)], Help.DNS_CLOSED),
        ([NO_RESOLVER], Help.DNS_CLOSED),
        ([LATE], Help.DNS_CLOSED),
        ([UNKNOWN_ZONE], Help.NO_ZONE),
        ([Observation(PLACE, "", "", Outcome.REFUSED, detail="asking this machine's resolver")], Help.NO_ZONE),
        ([row(1, Outcome.REFUSED)], Help.DNS_REFUSES),
        ([row(1, Outcome.SERVFAIL), row(2, Outcome.TIMEOUT)], Help.DNS_FAILS),
        ([row(1, Outcome.NOT_AUTHORITATIVE)], Help.DNS_LAME),
        ([NO_IPV6], Help.NO_IPV6_ROUTE),
        ([NO_IPV6, NO_IPV4], Help.NO_ROUTE),
        ([NO_ADDRESS], Help.SEE_TABLE),
        ([NOT_PUBLIC], Help.SEE_TABLE),
        ([row(1, Outcome.FAULT)], Help.SEE_TABLE),
    ],
)
def test_advice_where_no_server_answered(rows: list[Observation], kind: Help) -> None:
    for named in (False, True):
        assert kinds(*rows, named=named) == [kind, Help.OFF]


def test_advice_for_each_answer_that_is_neither_yes_nor_no() -> None:
    rows = [row(1, Outcome.NOT_AUTHORITATIVE), row(2, Outcome.REFUSED), row(3, Outcome.REFUSED)]
    assert kinds(*rows) == [Help.DNS_REFUSES, Help.DNS_LAME, Help.OFF]
    assert kinds(*rows, row(4, Outcome.MATCH), named=True) == [Help.OFF]


def test_advice_where_a_server_denies() -> None:
    assert kinds(row(1, Outcome.NO_RECORD)) == [Help.MORE_TIME, Help.OTHER_SERVERS, Help.OFF]
    assert advice([row(1, Outcome.NO_RECORD)], 120, named=True) == [Advice(Help.MORE_TIME, 120), Advice(Help.OFF)]


def test_advice_where_some_show_it_and_others_are_silent() -> None:
    assert kinds(row(1, Outcome.MATCH), row(2, Outcome.TIMEOUT)) == [Help.OTHER_SERVERS, Help.OFF]
