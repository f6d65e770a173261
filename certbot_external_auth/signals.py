"""Signals that end this process: what it has started ends with it, and none of it is lost at the wrong moment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end a process where nobody handles them: Certbot does only while challenges are published."""


class Ending(BaseException):
    """This process is about to end by a signal; what it has started is to be ended before."""


class Postponing:
    """A context manager in which signals can be put off, again and again at next to no cost.

    A signal that would end the process at once raises `Ending` instead, and ends it when this is left.

    They are not blocked meanwhile, since a program started then would inherit that. Python handles signals in the main
    thread only; in others there is nothing to put off.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: dict[int, None] = {}
        self._put_off = 0
        self._last: int | None = None

    def __enter__(self) -> Postponing:
        if threading.current_thread() is threading.main_thread():
            for number, handler in _handled().items():
                self._handlers[number] = handler
                signal.signal(number, self._deliver)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Blocked while the handlers are put back, or an exception out of the first would leave the others off.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._handlers)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._deliver:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if self._last is not None:
            signal.raise_signal(self._last)

    @contextlib.contextmanager
    def put_off(self) -> Iterator[None]:
        """Signals that come within are handled at its end, each once. Keep it short."""
        self._put_off += 1
        try:
            yield
        finally:
            self._put_off -= 1
            if self._came and not self._put_off:
                came = list(self._came)
                self._came.clear()
                for number in came:
                    signal.raise_signal(number)

    def _deliver(self, number: int, frame: FrameType | None) -> None:
        if self._put_off:
            self._came[number] = None
        elif self._handlers[number] is signal.SIG_DFL:
            self._last = number
            raise Ending
        else:
            self._handlers[number](number, frame)


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """`Postponing.put_off`, for once."""
    with Postponing() as postponing, postponing.put_off():
        yield


def behind(exception: BaseException) -> signal.Signals | None:
    """The signal that Certbot made a `SignalExit` of, known in the frame of its handler only; None if it is not."""
    place = exception.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    number = None if place is None else place.tb_frame.f_locals.get("signum")
    return signal.Signals(number) if isinstance(number, int) else None


def pass_on(exception: BaseException) -> None:
    """End this process by the signal behind a `SignalExit`, as if nobody had taken it."""
    number = behind(exception)
    if number is not None:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _handled() -> dict[int, Any]:
    """Signals for which a function of Python's is called, with that function, and those that end the process."""
    found: dict[int, Any] = {}
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        ends = number in ENDING and handler is signal.SIG_DFL
        if ends or (callable(handler) and not isinstance(handler, signal.Handlers)):
            found[number] = handler
    return found
