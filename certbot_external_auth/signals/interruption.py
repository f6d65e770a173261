"""Signals that end a command as exceptions: the first one leaves time to clean up, the second one does not."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Interrupted(BaseException):
    """Somebody wants the end.

    :param number: of the signal. :param at_once: it is not the first one.
    """

    def __init__(self, number: int, at_once: bool) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.at_once = at_once


@contextlib.contextmanager
def signals() -> Iterator[None]:
    """While this is entered, the signals that end a process raise; what is ignored (nohup) stays so."""
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
