"""What a person reads during the watch; the wording of the table and of its lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certbot_external_auth.backends.manual import table_rows
from certbot_external_auth.visibility import Expectation, Observation, Outcome
from certbot_external_auth.visibility.watch import Round
from tests.support.rounds import ABSENT, NAME, NAMED, OTHER, VISIBLE, found, observation


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (observation(Outcome.MATCH, seen=["x"]), "visible"),
        (observation(Outcome.NO_RECORD), "no record"),
        (
            observation(Outcome.WRONG_CONTENT, seen=["404 Not Found"], detail="redirected"),
            "wrong content: 404 Not Found (redirected)",
        ),
        (observation(Outcome.WRONG_CERTIFICATE, detail="no ALPN"), "wrong certificate (no ALPN)"),
        (observation(Outcome.OTHER_VALUES, seen=["a", "b\n\x1b[31mc"]), "2 other values: a, b c"),
        (observation(Outcome.OTHER_VALUES, seen=["x" * 200]), "1 other value: " + "x" * 43 + "…"),
        (observation(Outcome.TIMEOUT, detail="y" * 200), "timeout (" + "y" * 90 + "…"),
    ],
)
def test_words(one: Observation, said: str) -> None:
    assert table_rows.words(one) == said


def test_titles_fit_into_a_window() -> None:
    expected = [
        Expectation("dns-01", "www.example.org", NAME, ("v",)),
        Expectation("http-01", "a.test", "http://a.test/.well-known/acme-challenge/" + "x" * 43, ("v",)),
        Expectation("tls-alpn-01", "192.0.2.1", "1.2.0.192.in-addr.arpa", ("v",)),
    ]
    assert list(table_rows.titles(expected).values()) == [NAME, "a.test (http-01)", "192.0.2.1 (tls-alpn-01)"]


def test_what_is_missing_comes_first() -> None:
    listed = table_rows.rows(NAMED, found(VISIBLE, ABSENT))
    assert [row.where for row in listed] == [
        OTHER,
        "ns1.example.org 192.0.2.1:53",
        NAME,
        "ns1.example.org 192.0.2.1:53",
    ]


def test_name_servers_keep_their_rows() -> None:
    """Guards against rows that change places while a person reads: a zone's servers are named in random order."""
    servers = [observation(Outcome.NO_RECORD, server=f"ns{n}") for n in range(3)]
    assert table_rows.rows(NAMED, found(*servers)) == table_rows.rows(NAMED, found(*reversed(servers)))


def test_one_of_two_values_is_not_shown_as_wrong() -> None:
    half = replace(observation(Outcome.OTHER_VALUES, seen=["a"]), wanted=("a", "b"))
    (_, row) = table_rows.rows(NAMED, found(half))
    assert row.partly
    assert row.what == "1 of 2 there; missing: b"
    assert not table_rows.rows(NAMED, found(observation(Outcome.OTHER_VALUES, seen=["a"])))[1].partly


def test_missing_names_place_address_and_reason() -> None:
    assert table_rows.missing(NAMED, found(VISIBLE, ABSENT)) == [f"{OTHER} (ns1.example.org 192.0.2.1:53: no record)"]
    assert table_rows.missing({NAME: NAME}, None) == [f"{NAME}: not checked yet"]
    assert table_rows.missing({NAME: NAME}, found(VISIBLE)) == []
    many = [observation(Outcome.REFUSED, server=f"ns{n}") for n in range(5)]
    assert table_rows.missing({NAME: NAME}, found(*many))[0].endswith("ns2 192.0.2.1:53: refused; …)")
    assert table_rows.missing({NAME: NAME}, found(*many[:3]))[0].endswith("ns2 192.0.2.1:53: refused)")


def test_a_place_about_which_no_server_was_asked_is_missing() -> None:
    assert table_rows.missing({NAME: NAME}, Round(1, 0.0, {NAME: []})) == [f"{NAME} (no server was asked)"]


@pytest.mark.parametrize(("seconds", "shown"), [(7.9, "0:07"), (754, "12:34"), (3600, "1:00:00")])
def test_clock(seconds: float, shown: str) -> None:
    assert table_rows.clock(seconds) == shown


@pytest.mark.parametrize(
    ("heights", "room", "kept"),
    [([1, 1, 1], 3, 3), ([1, 1, 1], 2, 1), ([2, 1], 2, 0), ([1, 2, 1], 3, 1), ([1], 0, 0), ([], 0, 0)],
)
def test_fitting_leaves_a_line_for_the_rest(heights: list[int], room: int, kept: int) -> None:
    assert table_rows.fitting(heights, room) == kept


@pytest.mark.parametrize(
    ("heights", "room", "found"),
    [
        ([2, 2, 2], 4, [range(2), range(2, 3)]),
        ([2, 2, 2], 6, [range(3)]),
        ([9, 1, 9], 4, [range(1), range(1, 2), range(2, 3)]),
        ([1], 0, [range(1)]),
    ],
)
def test_pages_of_values(heights: list[int], room: int, found: list[range]) -> None:
    assert table_rows.pages(heights, room) == found


def test_only_what_is_not_there_yet_is_shown_again() -> None:
    assert table_rows.unseen_places(NAMED, None) == [NAME, OTHER]
    assert table_rows.unseen_places(NAMED, found(VISIBLE, ABSENT)) == [OTHER]
    everything = found(VISIBLE, observation(Outcome.MATCH, OTHER))
    assert table_rows.unseen_places(NAMED, everything) == [NAME, OTHER]


@pytest.mark.parametrize(
    ("where", "what", "beside"),
    [
        ("ns1.example.org 192.0.2.1:53", "no such name", True),
        ("ns1.example.org 192.0.2.1:53", f"1 of 2 there; missing: {'x' * 43}", False),
        ("ns1." + "long" * 20, "visible", False),
    ],
)
def test_an_answer_with_a_long_word_stands_below(where: str, what: str, beside: bool) -> None:
    assert table_rows.fits_beside(table_rows.Row(where, what), 78) is beside
