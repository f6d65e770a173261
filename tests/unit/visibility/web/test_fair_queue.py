"""Who is asked next, so that those who do not answer keep nobody else from being asked."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

import pytest

from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.web import fair_queue
from certbot_external_auth.visibility.web.fair_queue import Memory, Step, Turns

Question = tuple[str, int]
"""A place, and which of its questions."""
Found = tuple[Question, tuple[Outcome, str]]
MATCH = Outcome.MATCH, ""
DEADLINE = 60.0


def place(question: Question) -> str:
    return question[0]


def look(
    ask: Callable[[Question], Step[Question, tuple[Outcome, str]]],
    *items: Question,
    memory: Memory[Question] | None = None,
    seconds: float = DEADLINE,
) -> list[Found]:
    until = time.monotonic() + seconds
    one = fair_queue.Look(place, ask, lambda item, outcome, detail: (outcome, detail), until, memory or Memory())
    return one.run(items)


def outcomes(found: list[Found]) -> dict[str, collections.Counter[Outcome]]:
    counts: dict[str, collections.Counter[Outcome]] = collections.defaultdict(collections.Counter)
    for question, (outcome, _) in found:
        counts[question[0]][outcome] += 1
    return counts


# --- turns ---


def taken(turns: Turns[Question], count: int) -> list[str]:
    return [place(one) for one in (turns.next() for _ in range(count)) if one is not None]


def test_the_place_that_the_fewest_ask_is_next() -> None:
    turns: Turns[Question] = Turns(place, Memory())
    for item in [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("c", 1)]:
        turns.add(item)
    assert taken(turns, 3) == ["a", "b", "c"]
    turns.done(("b", 1), silent=False)
    assert taken(turns, 4) == ["b", "a", "a"]
    assert turns.next() is None


def test_what_was_not_answered_in_the_look_before_comes_last() -> None:
    turns: Turns[Question] = Turns(place, Memory(silent={"dead"}, unanswered={("a", 1)}))
    for item in [("dead", 1), ("a", 1), ("a", 2), ("a", 3)]:
        turns.add(item)
    assert [turns.next() for _ in range(4)] == [("a", 2), ("a", 3), ("a", 1), ("dead", 1)]


def test_silent_is_who_has_answered_nothing() -> None:
    turns: Turns[Question] = Turns(place, Memory())
    for item in [("a", 1), ("a", 2), ("b", 1), ("c", 1)]:
        turns.add(item)
    taken(turns, 4)
    turns.done(("a", 1), silent=True)
    assert turns.is_silent(("a", 2))
    # One of many sites behind an address that hangs is not the address.
    turns.done(("a", 2), silent=False)
    assert not turns.is_silent(("a", 3))
    turns.done(("b", 1), silent=True)
    turns.done(("c", 1), silent=None)
    assert turns.silent == {"b"}


# --- looks ---


def test_more_silent_questions_than_threads_keep_nobody_waiting() -> None:
    """Lost: what the others say of all names that come later."""
    good = [(f"good{server}", name) for name in range(300) for server in range(3)]
    left = collections.deque(good)
    answered = threading.Event()

    def ask(question: Question) -> Step[Question, tuple[Outcome, str]]:
        if question[0] == "dead":
            in_time = answered.wait(DEADLINE)
            return Step(((Outcome.TIMEOUT, "silent" if in_time else "held up"),), silent=True)
        left.pop()
        if not left:
            answered.set()
        return Step((MATCH,))

    items = [one for name in range(300) for one in (("dead", name), *good[3 * name : 3 * name + 3])]
    found = look(ask, *items)
    assert outcomes(found) == {
        "dead": {Outcome.TIMEOUT: 300},
        **{f"good{server}": {MATCH[0]: 300} for server in range(3)},
    }
    assert {detail for question, (_, detail) in found if question[0] == "dead"} <= {"silent", fair_queue.SILENT_BEFORE}


def test_what_follows_is_asked_though_others_are_silent() -> None:
    answered = threading.Event()

    def ask(question: Question) -> Step[Question, tuple[Outcome, str]]:
        if question[0] == "first":
            return Step(further=(("dead", 1), ("good", 1)))
        if question[0] == "dead":
            return Step(((Outcome.TIMEOUT if answered.wait(DEADLINE) else Outcome.FAULT, ""),), silent=True)
        answered.set()
        return Step((MATCH,))

    assert outcomes(look(ask, ("first", 1))) == {"dead": {Outcome.TIMEOUT: 1}, "good": {Outcome.MATCH: 1}}


def test_who_was_silent_is_not_asked_again_in_the_same_look_() -> None:
    asked: list[Question] = []
    memory: Memory[Question] = Memory()

    def ask(question: Question) -> Step[Question, tuple[Outcome, str]]:
        asked.append(question)
        return Step(((Outcome.TIMEOUT, ""),), silent=True)

    items = [("dead", number) for number in range(1000)]
    assert outcomes(look(ask, *items, memory=memory)) == {"dead": {Outcome.TIMEOUT: 1000}}
    assert len(asked) <= fair_queue.MAX_THREADS
    assert (memory.silent, memory.unanswered) == ({"dead"}, set(asked))


def test_when_no_time_is_left_nobody_is_said_to_be_silent() -> None:
    """Lost: the truth about servers that were never asked."""
    memory: Memory[Question] = Memory()
    found = look(lambda question: pytest.fail("asked"), ("a", 1), ("b", 1), memory=memory, seconds=0)
    assert [one for _, one in found] == [(Outcome.NOT_ASKED, "no time was left")] * 2
    assert memory == Memory()


def test_a_fault_with_one_question_is_told_of_that_question() -> None:
    def ask(question: Question) -> Step[Question, tuple[Outcome, str]]:
        if question == ("a", 2):
            raise ValueError("no\nsense")
        return Step((MATCH,))

    found = dict(look(ask, ("a", 1), ("a", 2), ("b", 1)))
    assert found == {("a", 1): MATCH, ("a", 2): (Outcome.FAULT, "ValueError: no sense"), ("b", 1): MATCH}


def test_the_threads_there_are_do_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: looking, on hosts that allow few threads."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def few(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", few)
    items = [(f"p{number % 7}", number) for number in range(200)]
    assert len(look(lambda question: Step((MATCH,)), *items)) == 200


def test_nothing_to_ask_takes_no_thread() -> None:
    assert look(lambda question: pytest.fail("asked")) == []
