"""Raises exceptions for signals that end a command. After the first one the command cleans up; a second one ends it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Interrupted(BaseException):
    """A signal asks the command to end.

    :param number: the number of the signal.
    :param at_once: it is not the first signal, so the command is to end without cleaning up.
    """

    def __init__(self, number: int, at_once: bool) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.at_once = at_once


@contextlib.contextmanager
def raising_interrupted() -> Iterator[None]:
    """Raise `Interrupted` for the signals that end a process. A signal that is ignored (nohup) stays ignored."""
    count = 0

    def raise_it(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        raise Interrupted(number, at_once=count > 1)

    before = {number: signal.getsignal(number) for number in NUMBERS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, raise_it)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
