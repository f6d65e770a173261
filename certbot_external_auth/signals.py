"""Signals that Certbot turns into exceptions, kept from coming at a moment at which a process would be lost."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Signals that come within are handled at its end, each once, by whatever handles them then.

    Keep it short. They are not blocked, since a program started within would inherit that.
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
        for known in signal.valid_signals():
            handler = signal.getsignal(known)
            if callable(handler) and not isinstance(handler, signal.Handlers):
                handlers[known] = handler
                signal.signal(known, note)
        yield
    finally:
        # Blocked while the handlers are put back, or an exception out of the first would leave the others off.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number in came:
            signal.raise_signal(number)
