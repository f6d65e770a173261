"""Signals that end this process: what it has started ends with it, and none of it is lost at the wrong moment."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any

from certbot import errors

from certbot_external_auth.signals import dispositions

_Handler = Callable[[int, FrameType | None], None]
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
            self._handlers = _handled()
            _take(self._handlers, self._deliver)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _give_back(self._handlers, self._deliver)
        if self._last is not None:
            end_process(self._last)

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
        elif dispositions.is_default(self._handlers[number]):
            self._last = number
            raise Ending
        else:
            self._handlers[number](number, frame)


class Kept:
    """A context manager in which no signal is lost together with the exception that Certbot makes of it.

    `errors.SignalExit` is an `Exception`, so logging keeps it for itself, and so does a library that makes an exception
    of its own out of any other. While a record is logged none is raised, and one that came and is not on its way any
    more is raised again: by `look`, and when this is left.

    :ivar came: numbers of the signals that came, in their order.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self._handlers: dict[int, Any] = {}
        self._owed: dict[int, None] = {}
        self._around = sys.exc_info()[1]

    def __enter__(self) -> Kept:
        global _kept  # noqa: PLW0603 - a process has one set of handlers
        self._before = _kept
        if threading.current_thread() is threading.main_thread():
            found = _handled().items()
            self._handlers = {number: handler for number, handler in found if not dispositions.is_default(handler)}
            _take(self._handlers, self._deliver)
            _kept = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _kept  # noqa: PLW0603
        _kept = self._before
        _give_back(self._handlers, self._deliver)
        lost = exception is None or (isinstance(exception, Exception) and not isinstance(exception, errors.SignalExit))
        if lost:
            for number in self._owed:
                signal.raise_signal(number)

    def look(self) -> None:
        """Raise what should be on its way, and is not."""
        if sys.exc_info()[1] is self._around:
            for number in list(self._owed):
                signal.raise_signal(number)

    def _deliver(self, number: int, frame: FrameType | None) -> None:
        self.came.append(number)
        # One that comes again is for somebody who writes his log into a pipe that nobody reads.
        if number not in self._owed and _is_logging(frame):
            self._owed[number] = None
            return
        try:
            self._handlers[number](number, frame)
        except BaseException:
            self._owed[number] = None
            raise


_kept: Kept | None = None


def look() -> None:
    """MUST be called before each wait; see `Kept`."""
    if _kept is not None and threading.current_thread() is threading.main_thread():
        _kept.look()


def _is_logging(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != logging.__file__:
        frame = frame.f_back
    return frame is not None


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """`Postponing.put_off`, for once."""
    with Postponing() as postponing, postponing.put_off():
        yield


def behind(exception: BaseException | None) -> signal.Signals | None:
    """The signal that Certbot made a `SignalExit` of, known in the frame of its handler only; None if it is not."""
    place = exception.__traceback__ if isinstance(exception, errors.SignalExit) else None
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    number = None if place is None else place.tb_frame.f_locals.get("signum")
    return signal.Signals(number) if isinstance(number, int) else None


def exit_by(number: int) -> errors.SignalExit:
    """What Certbot makes of a signal, in words."""
    return errors.SignalExit(f"Certbot was told to stop ({signal.Signals(number).name}).")


def end_process(number: int) -> None:
    """By a signal, as if nobody had taken it."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # The kernel does not do that to process 1.
    dispositions.end(number)


def ready() -> None:
    """Let signals end this process; MUST be called whenever Certbot comes to this plugin.

    Certbot may have forgotten that. Its `ErrorHandler` puts a process's handlers back only where something has failed.
    So once it has written a certificate at a renewal, or handed one over, it notes signals for the rest of its life and
    does nothing.
    """
    dispositions.settle()
    if threading.current_thread() is not threading.main_thread():
        return
    for number in dispositions.DEADLY:
        handler: Any = signal.getsignal(number)
        before = handler
        while _is_forgotten(before):
            before = before.__self__.prev_handlers.get(number, signal.SIG_DFL)
        if before is not handler:
            signal.signal(number, before)


def _is_forgotten(handler: Any) -> bool:
    owner = getattr(handler, "__self__", None)
    if not getattr(owner, "body_executed", False) or not hasattr(owner, "prev_handlers"):
        return False
    # While it cleans up it notes them for its end.
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == "__exit__" and frame.f_locals.get("self") is owner):
        frame = frame.f_back
    return frame is None


def _take(handlers: Mapping[int, Any], deliver: _Handler) -> None:
    for number in handlers:
        signal.signal(number, deliver)


def _give_back(handlers: Mapping[int, Any], deliver: _Handler) -> None:
    """To those who had them, unless somebody else has taken them since."""
    # Blocked meanwhile, or an exception out of the first would leave the others off.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
    for number, handler in handlers.items():
        if signal.getsignal(number) == deliver:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _handled() -> dict[int, Any]:
    """Signals for which a function of Python's is called, with that function, and those that end the process."""
    found: dict[int, Any] = {}
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if dispositions.is_default(handler):
            taken = number in ENDING
        else:
            taken = callable(handler) and not isinstance(handler, signal.Handlers)
        if taken:
            found[number] = handler
    return found
