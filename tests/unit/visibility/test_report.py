"""The words for what was seen: the table, the sentences of the reasons and of the advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome, Page, likely, report
from certbot_external_auth.visibility.near_miss import Miss, NearMiss
from certbot_external_auth.visibility.parallel import NO_ZONE
from certbot_external_auth.visibility.publisher import Publisher
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
WHO = "The handler /hook"


def wanted(*values: str, place: str = PLACE) -> Expectation:
    return Expectation("dns-01", "example.org", place, values, ("c1",))


def row(number: int, outcome: Outcome, *values: str, place: str = PLACE, detail: str = "") -> Observation:
    return Observation(place, f"ns{number}", f"192.0.2.{number}:53", outcome, values, 0.01, detail)


# --- the table ---


def test_the_table_has_every_address_and_every_place() -> None:
    batch = [wanted("one"), wanted("two", place="other")]
    assert report.table(batch, [row(1, Outcome.MATCH), row(2, Outcome.TIMEOUT)]) == [
        PLACE,
        "  ns1  192.0.2.1:53  visible  0.01 s",
        "  ns2  192.0.2.2:53  timeout  0.01 s",
        "other",
    ]
    # Also where nothing was seen at all.
    assert report.table(batch, []) == [PLACE, "other"]


def test_the_columns_are_as_wide_as_the_longest_of_all_places() -> None:
    rows = [Observation(PLACE, "", "", Outcome.TIMEOUT), row(10, Outcome.MATCH, place="other")]
    assert report.table([wanted("one"), wanted("two", place="other")], rows) == [
        PLACE,
        "  -     -              timeout  0.00 s",
        "other",
        "  ns10  192.0.2.10:53  visible  0.01 s",
    ]


def test_a_long_table_counts_what_it_leaves_out() -> None:
    many = [row(number, Outcome.NO_RECORD) for number in range(9)]
    lines = report.table([wanted("one"), wanted("two", place="other")], many, 4)
    assert lines == [PLACE, *lines[1:5], "  … and 5 more addresses; see the log."]
    assert report.table([wanted("one")], many, 8)[-1] == "  … and 1 more address; see the log."
    assert len(report.table([wanted("one")], many, 9)) == 10


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        (row(1, Outcome.MATCH, "value"), "visible"),
        (row(1, Outcome.OTHER_VALUES, "a", "b"), "2 other values: a, b"),
        (row(1, Outcome.OTHER_VALUES, "", "a ", '"b"'), r'3 other values: "", "a ", "\"b\""'),
        (replace(row(1, Outcome.OTHER_VALUES, *"abcdefgh"), more=4), "12 other values: a, b, c, d, e, f, g, h, …"),
        (replace(row(1, Outcome.OTHER_VALUES, "one"), wanted=("one", "two")), "1 of 2 there; missing: two"),
        (
            replace(row(1, Outcome.OTHER_VALUES, "one", "old"), wanted=("one", "two"), more=1),
            "1 of 2 there; missing: two; 2 other values: old, …",
        ),
        (replace(row(1, Outcome.OTHER_VALUES, "one", "old"), wanted=("one",)), "2 values there: one, old"),
        (row(1, Outcome.TIMEOUT, detail="TCP: refused"), "timeout (TCP: refused)"),
        (Observation(PLACE, "ns", "", Outcome.NO_RECORD, asked="x.test"), "no record at x.test"),
    ],
)
def test_what_one_address_answered(observation: Observation, words: str) -> None:
    assert report.words(observation) == words


def test_values_in_a_sentence() -> None:
    assert report.listed(["", "a"], 0) == '"", a'
    assert report.listed(["a"], 1) == "a, …"
    assert report.listed(list("abcdefghi"), 0) == "a, b, c, d, e, f, g, h, …"


def test_the_summary_names_one_server_that_does_not_show_the_value() -> None:
    unreachable = Observation(PLACE, "ns0", "[2001:db8::1]:53", Outcome.UNREACHABLE)
    seen = {PLACE: [unreachable, row(1, Outcome.MATCH), row(2, Outcome.NO_RECORD)], "other": [row(1, Outcome.MATCH)]}
    text = f"1 of 2 visible at every address; {PLACE} at ns2 192.0.2.2:53: no record"
    assert report.summary(seen) == text
    assert report.summary({PLACE: [unreachable]}) == "0 of 1 visible at every address"


def test_a_place_that_a_server_denies_comes_first() -> None:
    places = ("silent", "denied", "shown")
    rows = [
        row(1, outcome, place=place)
        for place, outcome in zip(places, (Outcome.TIMEOUT, Outcome.NO_RECORD, Outcome.MATCH), strict=True)
    ]
    batch = [wanted("one", place=place) for place in places]
    assert [one.place for one in report.worst_first(batch, rows)] == ["denied", "silent"]


# --- sentences ---


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (
            Nearly("a.test", NearMiss(Miss.ZONE_TWICE, "one", "one", "a.test.test")),
            "The value stands at a.test.test, where the zone's name is there twice: the name was taken as relative to "
            "the zone. Write the name with a dot at its end (a.test.), or without the zone's name.",
        ),
        (
            Replaced("a.test", 2, 1, fix=Fix.CHAIN),
            "2 values are wanted at a.test, and only 1 of them is there: The handler /hook replaces what stands at the "
            "name instead of adding to it. Base name and wildcard share the name, so both values must stay. If the "
            "hook supports chains, --external-auth-hook-chain yes fixes this.",
        ),
        (
            Replaced("x.test", 3, 2, ("a.test", "b.test")),
            "3 values are wanted at x.test, and only 2 of them are there: The handler /hook replaces what stands at "
            "the name instead of adding to it. a.test, b.test are aliases (CNAME) of that name, so all values must "
            "stay.",
        ),
        (
            FirstOnly("a.test", 2),
            "The handler /hook received 2 values for a.test in one call, and published only the first one: it does not "
            "support chains. --external-auth-hook-chain no gives it one value for each call.",
        ),
        (
            Nearly("a.test", NearMiss(Miss.QUOTES, "one", '"one"')),
            r'a.test has "\"one\"" in place of one. Quotation marks are part of it. Publish the value without them.',
        ),
        (
            Nearly("a.test", NearMiss(Miss.OTHER_NAME, "one", "one", "b.test")),
            "one stands at b.test, and is wanted at a.test. Publish it there.",
        ),
        (
            Remembered("dns", "192.0.2.1:53", 48),
            "dns (192.0.2.1:53) is a resolver, and keeps this answer for up to 48 more seconds, whatever the zone has "
            "now. Name the zone's primary name server instead: --external-auth-verify-nameservers HOST[:PORT],…",
        ),
        (
            FromWildcard("a.test", "*.test"),
            "What is seen at a.test comes from the wildcard record *.test, not from a record of that name: nothing has "
            "been written there.",
        ),
        (
            Aliased("a.test", "x.test", "test"),
            "a.test is an alias (CNAME) of x.test: the record must stand there, in the zone test. The handler /hook "
            "may have written it at the name itself, or into another zone.",
        ),
        (
            OldSerial("ns2", "192.0.2.2:53", 1, "ns1", "192.0.2.1:53", 2),
            "ns2 (192.0.2.2:53) still has the zone with serial 1, while ns1 (192.0.2.1:53) has 2: the new copy of the "
            "zone has not arrived yet. Check that this server is notified and that it may transfer the zone.",
        ),
    ],
)
def test_the_sentence_of_each_reason(reason: Reason, sentence: str) -> None:
    assert likely.reason_sentence(reason, WHO) == sentence


def test_only_the_first_aliases_are_named() -> None:
    many = Replaced("x.test", 9, 1, tuple("abcdefg"))
    assert ". a, b, c, d, e, … are aliases (CNAME) of that name" in likely.reason_sentence(many, WHO)
    assert ". a is an alias (CNAME) of that name" in likely.reason_sentence(Replaced("x.test", 2, 1, ("a",)), WHO)


def test_the_sentences_name_the_publisher() -> None:
    rows = [row(1, Outcome.OTHER_VALUES, "two")]
    (sentence,) = likely.reasons([wanted("one", "two")], rows, (), Publisher("The driver", "native"))
    assert ": The driver replaces what stands at the name" in sentence
    assert "--external-auth-dialect dehydrated with --external-auth-hook-chain yes fixes this." in sentence
    (wildcard,) = likely.wildcard([Clue(PLACE, Found.WILDCARD, "*.example.org"), Clue(PLACE, Found.SERIAL, "1")])
    assert "the wildcard record *.example.org" in wildcard


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([row(1, Outcome.TIMEOUT)], "port 53 is closed"),
        ([row(1, Outcome.REFUSED)], "A name server refuses to answer"),
        ([row(1, Outcome.SERVFAIL)], "(SERVFAIL)"),
        ([row(1, Outcome.NOT_AUTHORITATIVE)], "answers without authority"),
        ([Observation(PLACE, "", "", Outcome.UNREACHABLE, detail=NO_ZONE)], "do not say which name servers"),
        ([Observation(PLACE, "ns", "[2001:db8::1]:53", Outcome.UNREACHABLE)], "This machine has no IPv6 route to"),
        ([row(1, Outcome.UNREACHABLE)], "This machine has no route to any of the servers."),
        ([row(1, Outcome.FAULT)], "No server said whether it is there; the table has the reasons."),
        ([row(1, Outcome.NO_RECORD)], "If the CA asks other servers than these"),
    ],
)
def test_the_advice_names_the_flags(rows: list[Observation], part: str) -> None:
    sentences = likely.advice(rows, 120, named=False)
    assert part in sentences[-2]
    assert "--external-auth-verify-nameservers HOST[:PORT],…" in sentences[-2]
    assert sentences[-1] == "--external-auth-verify off asks the CA without this check."


def test_the_advice_to_wait_has_the_seconds_that_were_waited() -> None:
    assert "--external-auth-verify-timeout (now 120 s)." in likely.advice([row(1, Outcome.NO_RECORD)], 120, True)[0]


def test_the_advice_for_web_servers_says_nothing_of_dns() -> None:
    web = Observation("http://a.test/x", "a.test", "192.0.2.1:80", Outcome.TIMEOUT)
    sentences = likely.advice([web], 120, named=False)
    assert sentences[0].startswith("No server answers there: check that it is running")
    assert sentences[1:] == ["--external-auth-verify off asks the CA without this check."]


def test_the_advice_for_records_and_web_servers_says_each_thing_once() -> None:
    web = Observation("http://a.test/x", "a.test", "192.0.2.1:80", Outcome.WRONG_CONTENT, fact=Page(404))
    sentences = likely.advice([row(1, Outcome.NO_RECORD), web], 120, named=True)
    assert [sentence.count("verify-timeout") for sentence in sentences] == [1, 0]
