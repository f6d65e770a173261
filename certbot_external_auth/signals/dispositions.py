"""Corrects which signals are ignored or blocked, in this process and in the programs that it starts.

A process inherits both through execve(2). If SIGCHLD is ignored, the kernel does not report exit codes of children. If
SIGTERM is ignored or blocked, a handler cannot be asked to end. For process 1 of a container, the kernel drops every
signal without a handler (pid_namespaces(7)).

SIGHUP (nohup), SIGINT and SIGQUIT (`&` of a shell) are ignored on purpose. They stay so here and in handlers.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)
"""Signals that end a process by default, and that Certbot sends to itself again when it has cleaned up."""


def settle() -> None:
    """Undo inherited settings that keep this process from working. MUST be called before it starts a program.

    The inherited settings are not restored later: they were meant for another program.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        _hear_of_children()
    if threading.current_thread() is threading.main_thread():
        _unblock()
        if os.getpid() == 1:
            _end_by_signals()


@functools.cache
def _unblock() -> None:
    """Unblock all signals, only once in a process: a signal that is blocked later is blocked on purpose.

    A mask is usually inherited from a thread of a daemon that forked.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _end_by_signals() -> None:
    for number in DEADLY:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def _hear_of_children() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return
    # Python permits this only in the main thread, the system in every thread.
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        set_to = ctypes.CDLL(None).signal
        set_to.argtypes, set_to.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
        set_to(signal.SIGCHLD, None)


def end(number: int, frame: FrameType | None = None) -> None:
    """End process 1 as the system ends other processes by a signal. No exit function runs.

    The exit code is the one that shells and container engines show for a process which a signal has ended.
    """
    os._exit(128 + number)


def is_default(handler: object) -> bool:
    """Tell whether a handler stands for the default action. In process 1 that is `end`."""
    return handler is signal.SIG_DFL or handler is end


@contextlib.contextmanager
def for_a_program() -> Iterator[None]:
    """Make programs that the block starts get the exit codes of their children, and end by SIGTERM."""
    settle()
    ignored = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    # execve(2) resets a handler to the default action. Meanwhile the handler ignores the signal in this process.
    signal.signal(signal.SIGTERM, _nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
