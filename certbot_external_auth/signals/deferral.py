"""Handles signals that end this process: they end the programs it has started too, and none of them is lost."""

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
"""Signals that end a process by default. Certbot handles them only while challenges are published."""


class Ending(BaseException):
    """A signal is about to end this process. Raised so that the programs it has started end first."""


class Postponing:
    """A context manager in which signals can be put off, repeatedly and at almost no cost.

    A signal that would end the process at once raises `Ending` instead. It ends the process when the context is left.

    The signals are not blocked, since a program that is started meanwhile would inherit that. Python handles signals
    only in the main thread, so in other threads this does nothing.
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
        """Handle the signals that arrive in the block at its end, each once. Keep the block short."""
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


class SignalKeeper:
    """A context manager that loses no signal together with the exception that Certbot makes of it.

    `errors.SignalExit` is an `Exception`. The module `logging` swallows it, and a library may replace it with an
    exception of its own. So no signal is raised while a record is logged. A signal whose exception was swallowed is
    raised again by `raise_pending`, and when the context is left.

    :ivar came: numbers of the signals that arrived, in their order.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self._handlers: dict[int, Any] = {}
        self._owed: dict[int, None] = {}
        self._around = sys.exc_info()[1]

    def __enter__(self) -> SignalKeeper:
        global _keeper  # noqa: PLW0603 - a process has one set of handlers
        self._before = _keeper
        if threading.current_thread() is threading.main_thread():
            handled = _handled().items()
            self._handlers = {number: handler for number, handler in handled if not dispositions.is_default(handler)}
            _take(self._handlers, self._deliver)
            _keeper = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _keeper  # noqa: PLW0603
        _keeper = self._before
        _give_back(self._handlers, self._deliver)
        lost = exception is None or (isinstance(exception, Exception) and not isinstance(exception, errors.SignalExit))
        if lost:
            for number in self._owed:
                signal.raise_signal(number)

    def raise_pending(self) -> None:
        """Raise the signals again whose exceptions were swallowed."""
        if sys.exc_info()[1] is self._around:
            for number in list(self._owed):
                signal.raise_signal(number)

    def _deliver(self, number: int, frame: FrameType | None) -> None:
        self.came.append(number)
        # A second signal is raised at once: the log may go into a full pipe that is not read.
        if number not in self._owed and _is_logging(frame):
            self._owed[number] = None
            return
        try:
            self._handlers[number](number, frame)
        except BaseException:
            self._owed[number] = None
            raise


_keeper: SignalKeeper | None = None


def raise_pending() -> None:
    """Raise the signals again whose exceptions were swallowed. MUST be called before each wait."""
    if _keeper is not None and threading.current_thread() is threading.main_thread():
        _keeper.raise_pending()


def _is_logging(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != logging.__file__:
        frame = frame.f_back
    return frame is not None


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Put signals off until the end of the block."""
    with Postponing() as postponing, postponing.put_off():
        yield


def signal_behind(exception: BaseException | None) -> signal.Signals | None:
    """Return the signal that Certbot raised a `SignalExit` for; None for other exceptions.

    Only the frame of Certbot's signal handler has its number.
    """
    place = exception.__traceback__ if isinstance(exception, errors.SignalExit) else None
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    number = None if place is None else place.tb_frame.f_locals.get("signum")
    return signal.Signals(number) if isinstance(number, int) else None


def exit_by(number: int) -> errors.SignalExit:
    """Return the exception that Certbot raises for a signal, with a message."""
    return errors.SignalExit(f"Certbot was told to stop ({signal.Signals(number).name}).")


def end_process(number: int) -> None:
    """End this process by a signal, as if it had no handler."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # The kernel does not end process 1 by a signal without a handler.
    dispositions.end(number)


def ready() -> None:
    """Restore handlers so that signals end this process. MUST be called whenever Certbot calls this plugin.

    Certbot's `ErrorHandler` restores a process's handlers only after a failure. So after Certbot has written or
    installed a certificate at a renewal, it only notes signals from then on.
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
    # While the ErrorHandler cleans up, it notes signals on purpose and raises them at its end.
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == "__exit__" and frame.f_locals.get("self") is owner):
        frame = frame.f_back
    return frame is None


def _take(handlers: Mapping[int, Any], deliver: _Handler) -> None:
    for number in handlers:
        signal.signal(number, deliver)


def _give_back(handlers: Mapping[int, Any], deliver: _Handler) -> None:
    """Restore handlers, except where other code has set a handler since."""
    # Signals are blocked meanwhile: an exception from the first handler would leave the other signals without theirs.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
    for number, handler in handlers.items():
        if signal.getsignal(number) == deliver:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _handled() -> dict[int, Any]:
    """Return the handlers of all signals that have a Python function, and of those that end the process."""
    handlers: dict[int, Any] = {}
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if dispositions.is_default(handler):
            taken = number in ENDING
        else:
            taken = callable(handler) and not isinstance(handler, signal.Handlers)
        if taken:
            handlers[number] = handler
    return handlers
