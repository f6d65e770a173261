"""Signals that Certbot turns into exceptions, kept from coming at a moment at which a process would be lost."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any


def handled() -> list[int]:
    """Signals for which a function of Python's is called."""
    known = ((number, signal.getsignal(number)) for number in signal.valid_signals())
    return [number for number, handler in known if callable(handler) and not isinstance(handler, signal.Handlers)]


@contextlib.contextmanager
def put_off(numbers: Iterable[int] | None = None) -> Iterator[None]:
    """Signals that come within are handled at its end, each once, by whatever handles them then.

    Keep it short. They are not blocked, since a program started within would inherit that.

    :param numbers: those of `handled`, where they are known to be the same still: it takes longer than all the rest.
    """
    if threading.current_thread() is not threading.main_thread():
        # Python handles signals in the main thread only.
        yield
        return
    came: dict[int, None] = {}
    handlers: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        came[number] = None

    try:
        for number in handled() if numbers is None else numbers:
            handlers[number] = signal.signal(number, note)
        yield
    finally:
        # Blocked while the handlers are put back, or an exception out of the first would leave the others off.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number in came:
            signal.raise_signal(number)
