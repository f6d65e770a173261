"""Keys while other work runs, on real terminals."""

from __future__ import annotations

import os
import pty
import sys
import termios
import threading
from collections.abc import Iterator

import pytest

from certbot_external_auth.backends.manual import keyboard

PATIENCE = 20.0


class Terminal:
    """A terminal.

    :ivar leader: the person's end.
    :ivar follower: the program's end, which is stdin of the test.
    """

    def __init__(self) -> None:
        self.leader, self.follower = pty.openpty()

    def fileno(self) -> int:
        return self.follower

    def press(self, keys: bytes) -> None:
        os.write(self.leader, keys)

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.follower)[3] & termios.ECHO)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    found = Terminal()
    monkeypatch.setattr(sys, "stdin", found)
    yield found
    os.close(found.leader)
    os.close(found.follower)


def test_work_that_ends_first(terminal: Terminal) -> None:
    assert keyboard.meanwhile(lambda: 7) == 7
    assert not keyboard.wait(0.0)


def test_enter_leaves_work_that_does_not_end(terminal: Terminal) -> None:
    """Guards against a name server that hangs and holds up a person who has pressed Enter."""
    never = threading.Event()
    terminal.press(b"\n")
    with pytest.raises(keyboard.EnterPressed):
        keyboard.meanwhile(never.wait)
    never.set()


def test_errors_of_the_work_are_raised_here(terminal: Terminal) -> None:
    def fail() -> None:
        raise LookupError("why")

    with pytest.raises(LookupError, match="why"):
        keyboard.meanwhile(fail)


def test_enter_and_the_end_of_input(terminal: Terminal) -> None:
    terminal.press(b"\n")
    assert keyboard.wait(PATIENCE)
    terminal.press(b"\x04")
    with pytest.raises(keyboard.InputEnded):
        keyboard.wait(PATIENCE)
    terminal.press(b"\x04")
    with pytest.raises(keyboard.InputEnded):
        keyboard.meanwhile(threading.Event().wait)


def test_letters_without_enter_are_not_enter(terminal: Terminal) -> None:
    terminal.press(b"abc")
    assert not keyboard.wait(0.0)
    terminal.press(b"\n")
    assert keyboard.wait(PATIENCE)


def test_keys_are_passed_on_at_once(terminal: Terminal) -> None:
    """Guards against a person who presses a key, and sees nothing until Enter."""
    keys: list[str] = []
    ends = threading.Event()

    def pressed(key: str) -> None:
        keys.append(key)
        ends.set()

    with keyboard.unseen():
        terminal.press(b"v")
        assert keyboard.meanwhile(lambda: ends.wait(PATIENCE), pressed)
        terminal.press(b"xy")
        assert not keyboard.wait(0.2, pressed)
        terminal.press(b"z\r")
        assert keyboard.wait(PATIENCE, pressed)
        terminal.press(b"\x04")
        with pytest.raises(keyboard.InputEnded):
            keyboard.wait(PATIENCE, pressed)
    assert keys == ["v", "x", "y", "z"]


@pytest.mark.parametrize(("typed", "yes"), [(b"y\n", True), (b" Yes \n", True), (b"\n", False), (b"no\n", False)])
def test_what_is_confirmed(terminal: Terminal, typed: bytes, yes: bool) -> None:
    terminal.press(typed)
    assert keyboard.confirmed(PATIENCE) is yes


def test_without_an_answer_nothing_is_confirmed(terminal: Terminal) -> None:
    terminal.press(b"y")
    assert not keyboard.confirmed(0.0)


def test_echo_comes_back_whatever_happens(terminal: Terminal) -> None:
    def interrupted() -> None:
        with keyboard.unseen():
            assert not terminal.echoes
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.echoes


def test_without_a_terminal_the_block_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(termios.error):
            termios.tcgetattr(nothing.fileno())
        entered = False
        with keyboard.unseen():
            entered = True
    assert entered
