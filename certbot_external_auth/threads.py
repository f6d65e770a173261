"""The one place where threads are started."""

from __future__ import annotations

import threading
from collections.abc import Callable

from certbot import errors


def start(work: Callable[[], None], name: str) -> bool:
    """Do some work in a thread that ends with the process at the latest.

    :returns: whether the system has a thread left (`pids.max`, RLIMIT_NPROC, memory). The caller MUST get on without:
        what a thread would have done is done by those that there are, or in his own.
    """
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True


def is_signal(error: BaseException) -> bool:
    """Whether an exception that any work may raise can be a signal's, for work that may be done without a thread.

    Signals are raised in the main thread, and nowhere else.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    return isinstance(error, errors.SignalExit) or not isinstance(error, Exception)
