"""Starts threads, and is the only module that does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from certbot import errors


def start(work: Callable[[], None], name: str) -> bool:
    """Start a daemon thread.

    :returns: whether it was started. The system may have no thread left (`pids.max`, RLIMIT_NPROC, memory). The caller
        MUST then do the work in the threads that run already, or in its own.
    """
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True


def is_signal(error: BaseException) -> bool:
    """Tell whether an exception may come from a signal handler. These raise only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return isinstance(error, errors.SignalExit) or not isinstance(error, Exception)
