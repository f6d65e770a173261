"""What a process inherits of signals from the program that starts it, and what it hands to those it starts itself.

execve(2) keeps which signals are ignored and which are blocked. Each is a trap: where SIGCHLD is ignored the kernel
tells no exit code of a child; where SIGTERM is ignored or blocked a handler cannot be told to end. Process 1 of a
container has another one: the kernel drops every signal that it has no function for (pid_namespaces(7)).

SIGHUP (nohup), SIGINT and SIGQUIT (`&` of a shell) are ignored on purpose, and stay so here and in handlers.
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
    """Undo what keeps this process from working; MUST be called before it starts a program, and costs next to nothing.

    Nothing is put back in the end: whatever set it meant another program.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        _hear_of_children()
    if threading.current_thread() is threading.main_thread():
        _unblock()
        if os.getpid() == 1:
            _end_by_signals()


@functools.cache
def _unblock() -> None:
    """Once: what is blocked later is blocked on purpose. A mask is what a thread of a daemon had when it forked."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _end_by_signals() -> None:
    for number in DEADLY:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def _hear_of_children() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return
    # Python lets its main thread alone do that; the system does not mind.
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        set_to = ctypes.CDLL(None).signal
        set_to.argtypes, set_to.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
        set_to(signal.SIGCHLD, None)


def end(number: int, frame: FrameType | None = None) -> None:
    """What the system does by default with a signal, for a process to which it does not do it; runs no exit function.

    The exit code is what shells and container engines say of a process that such a signal has ended.
    """
    os._exit(128 + number)


def is_default(handler: object) -> bool:
    """Whether a signal's handler is none, in process 1 too."""
    return handler is signal.SIG_DFL or handler is end


@contextlib.contextmanager
def for_a_program() -> Iterator[None]:
    """A program that is started within is told its exit code by its children, and ends by SIGTERM."""
    settle()
    ignored = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    # execve(2) makes a function the default again. The signal is as good as ignored here meanwhile.
    signal.signal(signal.SIGTERM, _nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
