"""What a person sees during the watch; the wording of the table and of its lines."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from certbot_external_auth.backends.manual import live_table
from certbot_external_auth.visibility import Expectation, Observation, Outcome
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
    assert live_table.words(one) == said


def test_titles_fit_into_a_window() -> None:
    expected = [
        Expectation("dns-01", "www.example.org", NAME, ("v",)),
        Expectation("http-01", "a.test", "http://a.test/.well-known/acme-challenge/" + "x" * 43, ("v",)),
        Expectation("tls-alpn-01", "192.0.2.1", "1.2.0.192.in-addr.arpa", ("v",)),
    ]
    assert list(live_table.titles(expected).values()) == [NAME, "a.test (http-01)", "192.0.2.1 (tls-alpn-01)"]


def test_what_is_missing_comes_first() -> None:
    listed = live_table.rows(NAMED, found(VISIBLE, ABSENT))
    assert [row.where for row in listed] == [
        OTHER,
        "ns1.example.org 192.0.2.1:53",
        NAME,
        "ns1.example.org 192.0.2.1:53",
    ]


def test_missing_names_place_address_and_reason() -> None:
    assert live_table.missing(NAMED, found(VISIBLE, ABSENT)) == [f"{OTHER} (ns1.example.org 192.0.2.1:53: no record)"]
    assert live_table.missing({NAME: NAME}, None) == [f"{NAME}: not checked yet"]
    assert live_table.missing({NAME: NAME}, found(VISIBLE)) == []
    many = [observation(Outcome.REFUSED, server=f"ns{n}") for n in range(5)]
    assert live_table.missing({NAME: NAME}, found(*many))[0].endswith("ns2 192.0.2.1:53: refused; …)")
    assert live_table.missing({NAME: NAME}, found(*many[:3]))[0].endswith("ns2 192.0.2.1:53: refused)")


def test_a_place_about_which_no_server_was_asked_is_missing() -> None:
    assert live_table.missing({NAME: NAME}, Round(1, 0.0, {NAME: []})) == [f"{NAME} (no server was asked)"]


@pytest.mark.parametrize(("seconds", "shown"), [(7.9, "0:07"), (754, "12:34"), (3600, "1:00:00")])
def test_clock(seconds: float, shown: str) -> None:
    assert live_table.clock(seconds) == shown


@pytest.mark.parametrize(
    ("heights", "room", "kept"),
    [([1, 1, 1], 3, 3), ([1, 1, 1], 2, 1), ([2, 1], 2, 0), ([1, 2, 1], 3, 1), ([1], 0, 0), ([], 0, 0)],
)
def test_fitting_leaves_a_line_for_the_rest(heights: list[int], room: int, kept: int) -> None:
    assert live_table.fitting(heights, room) == kept


@pytest.mark.parametrize(("width", "height"), [(60, 24), (60, 6), (30, 10), (40, 8), (200, 50)])
def test_the_table_is_never_higher_or_wider_than_the_window(width: int, height: int) -> None:
    """Guards against a window full of copies: lines that have scrolled out cannot be replaced."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    places = [f"_acme-challenge.n{n}.example.org" for n in range(40)]
    table = live_table.Table({place: place for place in places}, console)
    table.told(found(*(observation(Outcome.NO_RECORD, place) for place in places)))
    lines = console.render_lines(table.render(), pad=False)
    texts = ["".join(segment.text for segment in line) for line in lines]
    assert len(texts) <= height
    assert max(map(len, texts)) <= width
    if height > 4:
        assert any("more lines" in text for text in texts)
    assert "0 of 40 visible everywhere." in " ".join(" ".join(texts).split())


def test_lines_tell_changes_only() -> None:
    out = io.StringIO()
    lines = live_table.Lines(NAMED, out, 100)
    for one in (found(ABSENT), found(ABSENT, seconds=1), found(observation(Outcome.MATCH, OTHER), seconds=65)):
        lines.told(one)
    assert out.getvalue() == (
        f"0:00  {OTHER} at ns1.example.org 192.0.2.1:53: no record\n"
        f"1:05  {OTHER} at ns1.example.org 192.0.2.1:53: visible\n"
    )
