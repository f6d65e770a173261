"""The rule: DESIGN's table of policies, and what a person is told."""

from __future__ import annotations

import itertools

import pytest

from certbot_external_auth.visibility import Clue, Expectation, Found, Observation, Outcome, report
from certbot_external_auth.visibility.report import Publisher
from certbot_external_auth.visibility.verdict import Decision, State, by_place, decision, state

PLACE = "_acme-challenge.example.org"
GO_ON, WARN, FAIL = Decision


def seen(*outcomes: Outcome) -> list[Observation]:
    return [Observation(PLACE, f"ns{n}", f"192.0.2.{n}:53", one) for n, one in enumerate(outcomes, 1)]


def row(number: int, outcome: Outcome, *values: str, asked: str = "", zone: str = "") -> Observation:
    return Observation(PLACE, f"ns{number}", f"192.0.2.{number}:53", outcome, values, 0.01, "", asked, zone)


@pytest.mark.parametrize(
    ("outcomes", "auto", "strict", "before", "after"),
    [
        ([Outcome.MATCH], GO_ON, GO_ON, State.VISIBLE, State.VISIBLE),
        ([Outcome.MATCH, Outcome.UNREACHABLE], GO_ON, GO_ON, State.VISIBLE, State.VISIBLE),
        ([Outcome.MATCH, Outcome.NO_RECORD], FAIL, FAIL, State.WAITING, State.NOT_VISIBLE),
        ([Outcome.MATCH, Outcome.REFUSED], WARN, FAIL, State.WAITING, State.UNKNOWN),
        ([Outcome.NO_RECORD, Outcome.TIMEOUT], FAIL, FAIL, State.WAITING, State.NOT_VISIBLE),
        ([Outcome.TIMEOUT, Outcome.REFUSED], WARN, FAIL, State.UNKNOWN, State.UNKNOWN),
        ([Outcome.UNREACHABLE], WARN, FAIL, State.UNKNOWN, State.UNKNOWN),
        ([], WARN, FAIL, State.UNKNOWN, State.UNKNOWN),
    ],
)
def test_the_table(outcomes: list[Outcome], auto: Decision, strict: Decision, before: State, after: State) -> None:
    found = seen(*outcomes)
    assert (decision(found, "auto"), decision(found, "strict")) == (auto, strict)
    assert (state(found), state(found, over=True)) == (before, after)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_counts_as_the_table_says(outcome: Outcome) -> None:
    """Lost: a refusal that counts as 'not yet', so that a server which is down keeps a certificate from everybody."""
    beside = {
        **dict.fromkeys((Outcome.MATCH, Outcome.UNREACHABLE), GO_ON),
        **dict.fromkeys((Outcome.OTHER_VALUES, Outcome.NO_RECORD, Outcome.NO_SUCH_NAME), FAIL),
        **dict.fromkeys((Outcome.WRONG_CONTENT, Outcome.WRONG_CERTIFICATE), FAIL),
        **dict.fromkeys((Outcome.REFUSED, Outcome.SERVFAIL, Outcome.NOT_AUTHORITATIVE), WARN),
        **dict.fromkeys((Outcome.CONNECTION_REFUSED, Outcome.TIMEOUT, Outcome.NOT_ASKED, Outcome.FAULT), WARN),
    }
    assert decision(seen(Outcome.MATCH, outcome), "auto") is beside[outcome]


def test_no_order_of_answers_changes_anything() -> None:
    for outcomes in itertools.product((Outcome.MATCH, Outcome.NO_SUCH_NAME, Outcome.TIMEOUT), repeat=3):
        assert len({decision(seen(*some), "auto") for some in itertools.permutations(outcomes)}) == 1


# --- what a person is told ---


def wanted(*values: str, place: str = PLACE) -> Expectation:
    return Expectation("dns-01", "example.org", place, values, ("c1",))


def test_the_table_has_everybody_who_was_asked() -> None:
    lines = report.table(
        [wanted("one"), wanted("two", place="other")], [row(1, Outcome.MATCH), row(2, Outcome.TIMEOUT)]
    )
    assert lines == [
        PLACE,
        "  ns1  192.0.2.1:53  visible  0.01 s",
        "  ns2  192.0.2.2:53  timeout  0.01 s",
        "other",
    ]
    many = [row(number, Outcome.NO_RECORD) for number in range(9)]
    assert report.table([wanted("one")], many, most=4)[-1] == "  … and 5 more addresses; see the log."


def told(rows: list[Observation], *clues: Clue, dialect: str = "native", values: tuple[str, ...] = ("one",)) -> str:
    return "\n".join(report.reasons([wanted(*values)], rows, clues, Publisher("The handler /hook", dialect)))


def test_a_hook_that_replaces_is_named() -> None:
    rows = [row(1, Outcome.OTHER_VALUES, "two"), row(2, Outcome.TIMEOUT)]
    text = told(rows, dialect="dehydrated", values=("one", "two"))
    assert "The handler /hook replaces what stands at the name instead of adding to it" in text
    assert text.endswith("--external-auth-hook-chain yes mends it if the hook knows chains.")
    expected = [wanted("one", "two")]
    chained = report.reasons(expected, rows, (), Publisher("The handler /hook", "dehydrated", chained=True))
    assert chained[0].endswith("so both values must stay.")
    by_hand = report.reasons(expected, rows, (), Publisher("Whoever published"))
    assert by_hand[0].endswith("so both values must stay.")
    # One secondary has both: it is late, not replaced.
    assert "replaces" not in told([*rows, row(3, Outcome.MATCH, "one", "two")], values=("one", "two"))
    assert "replaces" not in told([row(1, Outcome.OTHER_VALUES, "old")], values=("one",))


def shared(*rows: tuple[str, int, Outcome, tuple[str, ...]]) -> str:
    """Names a and b are aliases of x.other.org, where each of them wants a value of its own."""
    batch = [wanted("va", place="a"), wanted("vb", place="b")]
    found = [
        Observation(place, f"ns{n}", f"192.0.2.{n}:53", outcome, values, 0.01, "", "x.other.org", "other.org")
        for place, n, outcome, values in rows
    ]
    return "\n".join(report.reasons(batch, found, (), Publisher("The handler /hook", "native", chained=True)))


def test_a_hook_that_replaces_where_several_aliases_end_is_named() -> None:
    """Lost: an hour in the wrong zone; the last value stands at the right place."""
    both, other, match = ("va", "vb"), Outcome.OTHER_VALUES, Outcome.MATCH
    text = shared(("a", 1, other, ("vb",)), ("b", 1, match, ("vb",)))
    assert text == (
        "2 values are wanted at x.other.org, and only 1 of them is there: The handler /hook replaces what stands at "
        "the name instead of adding to it. a, b are aliases (CNAME) of that name, so both values must stay."
    )
    # One secondary has both: the other is late.
    late = shared(*(("a", 1, other, ("vb",)), ("b", 1, match, ("vb",)), ("a", 2, match, both), ("b", 2, match, both)))
    assert "replaces" not in late
    # Nothing of what is wanted stands there: it was written elsewhere.
    assert "the record must stand there" in shared(("a", 1, other, ("old",)), ("b", 1, other, ("old",)))


def test_an_alias_of_a_name_of_the_batch_shares_its_values() -> None:
    rows = [
        Observation("a", "ns", "192.0.2.1:53", Outcome.OTHER_VALUES, ("vb",), asked="b"),
        Observation("B", "ns", "192.0.2.1:53", Outcome.MATCH, ("vb",)),
    ]
    batch = [wanted("va", place="a"), wanted("vb", place="B")]
    (text,) = report.reasons(batch, rows, (), Publisher())
    assert "2 values are wanted at b" in text
    assert "a is an alias (CNAME) of that name" in text


def test_an_alias_is_told_with_the_zone() -> None:
    text = told([row(1, Outcome.NO_RECORD, asked="x.other.org", zone="other.org")])
    assert f"{PLACE} is an alias (CNAME) of x.other.org: the record must stand there, in the zone other.org." in text


def test_both_serials_are_told_across_the_end_of_their_numbers() -> None:
    rows = [row(1, Outcome.MATCH, "one"), row(2, Outcome.NO_RECORD)]
    serials = [Clue(PLACE, Found.SERIAL, str(n), f"ns{i}", f"192.0.2.{i}:53") for i, n in ((1, 3), (2, 2**32 - 1))]
    text = told(rows, *serials)
    assert "ns2 (192.0.2.2:53) still has the zone with serial 4294967295, while ns1 (192.0.2.1:53) has 3" in text
    assert not told(rows, *(Clue(PLACE, Found.SERIAL, "3", one.server, one.address) for one in serials))


def test_wildcard_and_doubled_name_are_told() -> None:
    rows = [row(1, Outcome.OTHER_VALUES, "spf")]
    assert "the wildcard record *.example.org" in told(rows, Clue(PLACE, Found.WILDCARD, "*.example.org"))
    text = told(rows, Clue(PLACE, Found.DOUBLED, f"{PLACE}.example.org"))
    assert f"The value stands at {PLACE}.example.org" in text
    assert f"({PLACE}.)" in text


def test_the_flag_that_helps_is_named() -> None:
    silent = " ".join(report.advice([row(1, Outcome.TIMEOUT)], 120, named=False))
    assert "port 53 is closed" in silent
    assert "--external-auth-verify-nameservers" in silent
    nowhere = [
        Observation(PLACE, "ns1", address, Outcome.UNREACHABLE) for address in ("[2001:db8::1]:53", "192.0.2.1:53")
    ]
    for rows, route in ((nowhere[:1], "no IPv6 route"), (nowhere, "no route")):
        text = " ".join(report.advice(rows, 120, named=False))
        assert f"This machine has {route} to any of the servers" in text
        assert "port 53" not in text
        assert "--external-auth-verify-nameservers" in text
    unknown = [Observation(PLACE, "", "", Outcome.UNREACHABLE, detail="no resolver knows the zone")]
    assert "port 53" in " ".join(report.advice(unknown, 120, named=False))
    web = [Observation("http://a.test/x", "a.test", "192.0.2.1:80", Outcome.TIMEOUT)]
    assert "port 53" not in " ".join(report.advice(web, 120, named=False))
    late = " ".join(report.advice([row(1, Outcome.NO_RECORD)], 120, named=True))
    assert "--external-auth-verify-timeout (now 120)" in late
    assert "--external-auth-verify off" in late


def test_what_was_not_seen_at_all_has_its_place() -> None:
    assert by_place([wanted("one")], []) == {PLACE: []}
