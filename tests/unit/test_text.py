"""Text of handlers, drivers and servers, made safe to show."""

from __future__ import annotations

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.text import clean, counted, of_server, one_line, printable, say_once


@given(st.text())
def test_no_control_character_survives(text: str) -> None:
    assert not [c for c in clean(text) if unicodedata.category(c) == "Cc" and c not in "\n\t"]


@given(st.text(), st.integers(1, 50))
def test_the_limit_holds(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= limit
    assert "\n" not in one_line(text, limit)


def test_what_is_removed_does_not_count_towards_the_limit() -> None:
    assert clean("\x1b[1mabcd", 4) == "abcd"
    assert clean("\x1b[1mabcde", 4) == "abc…"


def test_terminal_sequences_go_as_a_whole() -> None:
    assert clean("a\x1b[31;1mb\x1b]0;x\x07c\x1b(Bd\x9b2J") == "abcd2J"


@given(st.text(st.characters(), max_size=3000), st.integers(4, 5000))
def test_what_a_server_wrote_can_be_given_to_a_program_and_is_bounded_in_bytes(text: str, limit: int) -> None:
    """Guards against half a UTF-16 pair, which JSON can carry, and with which no handler could be started."""
    assert len(of_server(text, limit).encode()) <= limit


def test_a_title_without_an_end_takes_no_line_but_its_own() -> None:
    """Guards against one broken sequence that hides the error after it."""
    assert clean("a\x1b]0;x\nrest") == "a\nrest"
    assert one_line("a\x1b]0;x\nrest") == "a rest"
    assert one_line("a\x1b]0;x\x07 b\r\n\x1b[1mc\u2028d") == "a b c d"


def test_what_is_not_seen_goes() -> None:
    assert clean("a\u061cb\u180ec\ufeffd\U000e0041\U000e007fe\u200bf") == "abcdef"


def test_half_a_pair_goes() -> None:
    assert of_server("a\ud800b\udfff") == "ab"


def test_one_is_no_plural() -> None:
    shown = [counted(number, "second") for number in (0, 1, 1.0, 2, 0.3, 1e6)]
    assert shown == ["0 seconds", "1 second", "1 second", "2 seconds", "0.3 seconds", "1000000 seconds"]
    assert [counted(number, "address", "addresses") for number in (1, 2)] == ["1 address", "2 addresses"]


def test_a_warning_is_logged_once_and_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(__name__)
    for warning in ("100% of test_text", "another of test_text", "100% of test_text"):
        say_once(logger, warning)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "100% of test_text"),
        ("WARNING", "another of test_text"),
    ]


def test_bytes_that_are_not_utf_8_can_be_printed() -> None:
    """Guards against a log file that refuses the message."""
    assert printable("/a/h\udcff\udcc3x ü") == "/a/h\\xff\\xc3x ü"
    assert printable("/ü") == "/ü"
    # A half of UTF-16, as JSON can have it.
    assert printable("\ud800") == "\\ud800"
