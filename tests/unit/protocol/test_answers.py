"""A driver's answers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.protocol.answers import MAX_LINE_BYTES, MAX_WAIT_SECONDS, Answer, AnswerError, Ledger, parse


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"", Answer(newline=True)),
        (b" \r", Answer(newline=True)),
        (b'{"ok": true}\r', Answer()),
        (b'{"id": "c1", "ok": true, "new": 1}', Answer(id="c1")),
        (b'{"id": "c1", "wait": 600}', Answer(id="c1", ok=None, wait=600.0)),
        (
            b'{"id": "c1", "ok": false, "error": {"code": "dns.full", "message": "no\\nroom"}}',
            Answer(id="c1", ok=False, code="dns.full", message="no room"),
        ),
        (b'{"ok": false, "error": "disk is full"}', Answer(ok=False, message="disk is full")),
        (b'{"ok": false, "error": {"code": null, "message": null}}', Answer(ok=False)),
        (b'{"ok": false, "error": null}', Answer(ok=False)),
        (b'{"ok": null, "wait": 5}', Answer(ok=None, wait=5.0)),
        (b'{"ok": true, "wait": null}', Answer()),
    ],
)
def test_forms_of_an_answer(line: bytes, answer: Answer) -> None:
    assert parse(line) == answer


@pytest.mark.parametrize(
    "line",
    [b"ok", b"[]", b'"ok"', b"{}", b'{"ok": 1}', b'{"id": 3, "ok": true}', b'{"wait": -1}', b'{"wait": true}']
    + [
        b'{"id": "c1", "ok": false, "wait": 5}',
        b'{"ok": true, "wait": 5}',
        b'{"wait": NaN}',
        b"x" * (MAX_LINE_BYTES + 1),
        b"[" * 60000,
    ],
)
def test_what_is_no_answer(line: bytes) -> None:
    with pytest.raises(AnswerError):
        parse(line)


@given(st.binary())
def test_rubbish_is_never_anything_but_an_answer_error(line: bytes) -> None:
    """A driver's fault must not become a traceback."""
    with contextlib.suppress(AnswerError):
        parse(line)


def ledger(*commands: str) -> Ledger:
    book = Ledger()
    for number, command in enumerate(commands):
        book.expect(f"{command[0]}{number}", command, 10.0)
    return book


def settled(book: Ledger, answer: Answer) -> list[str]:
    return [one.id for one in book.apply(answer, 0.0)]


def test_an_empty_line_is_for_the_oldest_challenge_only() -> None:
    """Old habits must not confirm that a certificate was deployed."""
    book = ledger("cleanup", "perform_challenge", "perform_challenge")
    newline = Answer(newline=True)
    assert [settled(book, newline) for _ in range(3)] == [["p1"], ["p2"], []]


def test_one_all_twice_and_unknown() -> None:
    book = ledger("perform_challenge", "perform_challenge")
    assert settled(book, Answer(id="p1")) == ["p1"]
    assert settled(book, Answer(id="p1")) == []
    assert settled(book, Answer()) == ["p0"]
    with pytest.raises(AnswerError, match="c9"):
        book.apply(Answer(id="c9"), 0.0)


def test_an_answer_may_name_its_run() -> None:
    """Ids begin anew with each run, so a late answer to an earlier one would fit."""
    book = Ledger("now")
    book.expect("c1", "perform_challenge", 10.0)
    with pytest.raises(AnswerError, match="before") as refused:
        book.apply(Answer(id="c1", run="before"), 0.0)
    assert refused.value.code == "answer.unknown_id"
    assert settled(book, Answer(id="c1", run="now")) == ["c1"]


def test_the_range_of_wait_is_said_as_it_is() -> None:
    assert parse(b'{"wait": 0.001}').wait == 0.001
    with pytest.raises(AnswerError, match="above 0 and up to 604800"):
        parse(b'{"wait": 0}')


def test_wait_is_bounded_and_not_for_every_line() -> None:
    book = Ledger()
    book.expect("c1", "perform_challenge", 10.0)
    book.expect("c2", "cleanup", 10.0, extendable=False)
    for now in (0.0, MAX_WAIT_SECONDS, 2 * MAX_WAIT_SECONDS):
        book.apply(Answer(ok=None, wait=MAX_WAIT_SECONDS), now)
    assert [one.deadline for one in book.open(["c1", "c2"])] == [10.0 + MAX_WAIT_SECONDS, 10.0]


def test_wait_gives_more_time_and_never_less() -> None:
    book = ledger("perform_challenge")
    book.apply(Answer(ok=None, wait=5.0), 0.0)
    assert book.open(["p0"])[0].deadline == 10.0
    book.apply(Answer(ok=None, wait=50.0), 0.0)
    assert book.open(["p0"])[0].deadline == 50.0
