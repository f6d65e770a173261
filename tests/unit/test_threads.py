"""A system that lets this process start no thread, for real: none has room for the stack that they would get here."""

from __future__ import annotations

import ast
import os
import pty
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
from certbot import errors

import certbot_external_auth
from certbot_external_auth import threads
from certbot_external_auth.backends.manual import keyboard, live_table, terminal
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome, parallel, this_host
from certbot_external_auth.visibility.dns import resolver
from certbot_external_auth.visibility.dns.reply import Question
from certbot_external_auth.visibility.watch import Round
from certbot_external_auth.visibility.web import fair_queue
from tests.support.name_servers import Net

SILENT, GOOD = "127.0.0.31", "127.0.0.32"
Ask = Callable[[int], object]


@pytest.fixture
def net() -> Iterator[Net]:
    """Its own thread runs before there are no more."""
    with Net([SILENT, GOOD]) as found:
        found[SILENT].behaviour = "silent"
        found.serve("example.test.", "@ 60 SOA ns.example.test. x. 1 1 1 1 1\nwww 60 A 192.0.2.1\n", [GOOD])
        yield found


@pytest.fixture
def no_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    if "net" in request.fixturenames:
        request.getfixturevalue("net")
    before = threading.stack_size(1 << 47)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        threading.Thread(target=int).start()
    yield
    threading.stack_size(before)


@pytest.fixture
def certbots_handler() -> Iterator[None]:
    def raising(number: int, frame: FrameType | None) -> None:
        raise errors.SignalExit

    before = signal.signal(signal.SIGTERM, raising)
    yield
    signal.signal(signal.SIGTERM, before)


def each(ask: Ask) -> dict[int, object]:
    return dict(zip((1, 2, 3), parallel.each(ask, (1, 2, 3)), strict=True))


def look(ask: Ask) -> dict[int, object]:
    """What is found leads to the next question."""

    def step(item: int) -> fair_queue.Step[int, object]:
        return fair_queue.Step((ask(item),), further=(item + 1,) if item < 3 else ())

    until = time.monotonic() + 60
    one = fair_queue.Look(str, step, lambda item, outcome, detail: (outcome, detail), until, fair_queue.Memory())
    return dict(one.run([1]))


WAYS = pytest.mark.parametrize("way", [each, look])


@WAYS
def test_everybody_is_asked_all_the_same(way: Callable[[Ask], dict[int, object]], no_threads: None) -> None:
    assert way(lambda item: item * 10) == {1: 10, 2: 20, 3: 30}


@WAYS
@pytest.mark.usefixtures("certbots_handler")
def test_a_signal_ends_it(way: Callable[[Ask], dict[int, object]], no_threads: None) -> None:
    """Guards against: a lost signal: its exception reaches only the main thread."""
    asked: list[int] = []

    def ask(item: int) -> None:
        asked.append(item)
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(errors.SignalExit):
        way(ask)
    assert asked == [1]


def test_a_question_that_fails_ends_no_look(no_threads: None) -> None:
    assert look(lambda item: item / 0)[1] == (Outcome.FAULT, "ZeroDivisionError: division by zero")


def test_resolvers_each_have_their_share_of_the_time(net: Net, no_threads: None) -> None:
    """Guards against: a second resolver that gets no time because the first is silent."""
    both = resolver.Resolver([Endpoint(SILENT, net.port), Endpoint(GOOD, net.port)])
    (reply,) = both.ask([Question("www.example.test.", "A")], time.monotonic() + 2)
    assert reply.message is not None
    assert reply.message.answer


@pytest.mark.usefixtures("certbots_handler")
def test_a_signal_while_a_resolver_is_asked(net: Net, no_threads: None) -> None:
    signal.signal(signal.SIGALRM, lambda number, frame: signal.raise_signal(signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(errors.SignalExit):
            resolver.Resolver([Endpoint(SILENT, net.port)]).ask([Question("a.test.", "A")], time.monotonic() + 60)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_the_address_of_a_host(no_threads: None) -> None:
    assert this_host.addresses("localhost", time.monotonic() + 60).found


def test_work_beside_a_terminal(no_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = pty.openpty()
    try:
        with os.fdopen(follower) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert keyboard.meanwhile(lambda: 7) == 7
    finally:
        os.close(leader)


def _read_until(leader: int, wanted: bytes) -> bytes:
    """Read from a terminal, which may hand on one write in several parts."""
    shown = b""
    while wanted not in shown and select.select([leader], [], [], 30)[0]:
        shown += os.read(leader, 65536)
    return shown


def test_a_table_is_drawn_when_it_changes(no_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = pty.openpty()
    try:
        with os.fdopen(follower, "w") as out:
            monkeypatch.setenv("TERM", "xterm")
            monkeypatch.setattr(terminal, "output", lambda: out)
            with live_table.shown({"a": "a"}, {"a": ["value"]}) as screen:
                screen.told(Round(1, 0.0, {"a": []}))
                assert b"visible everywhere" in _read_until(leader, b"visible everywhere")
                screen.explained(["why"])
                assert b"why" in _read_until(leader, b"why")
                screen.pressed("v")
                assert b"Page 1 of 1" in _read_until(leader, b"Page 1 of 1")
    finally:
        os.close(leader)


def test_threads_are_started_in_one_place_only() -> None:
    """So that no other forgets that there may be none."""
    folder = Path(certbot_external_auth.__file__).parent
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Attribute, ast.Name))
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in ("Thread", "ThreadPoolExecutor", "Timer")
    }
    assert found == {"threads.py"}


def test_a_thread_that_there_is_room_for() -> None:
    done = threading.Event()
    assert threads.start(done.set, "test")
    assert done.wait(60)
