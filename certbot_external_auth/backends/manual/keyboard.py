"""Waits for keys while other work runs. No other module reads the terminal."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from certbot_external_auth import threads
from certbot_external_auth.signals import deferral

Out = TypeVar("Out")
Pressed = Callable[[str], None]
ENTER = "\n\r"
ENDS = "\x04\x00"
"""Ctrl-D where each key comes at once, and what the kernel makes of a Ctrl-D that was typed before."""
YES = ("y", "yes")


class EnterPressed(Exception):  # noqa: N818  (not an error)
    """The person does not want to wait any longer."""


class InputEnded(Exception):  # noqa: N818
    """The terminal is gone, or the person typed Ctrl-D at the beginning of a line."""


def _nothing(key: str) -> None:
    """Ignore a key."""


def wait(seconds: float | None = None, pressed: Pressed = _nothing) -> bool:
    """Wait for Enter, and tell whether it was pressed.

    :param seconds: longest wait; None waits without a limit.
    :param pressed: takes every other key, in an `unseen` block at once.
    :raises InputEnded: if the input ends.
    """
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        deferral.raise_pending()
        left = None if until is None else max(0.0, until - time.monotonic())
        if not select.select([_terminal()], [], [], left)[0]:
            return False
        if _enter(pressed):
            return True


def confirmed(seconds: float) -> bool:
    """Read a line, and tell whether it says yes.

    :param seconds: longest wait for it.
    :raises InputEnded: if the input ends.
    """
    deferral.raise_pending()
    if not select.select([_terminal()], [], [], seconds)[0]:
        return False
    return _read(4096).decode(errors="replace").strip().lower() in YES


def meanwhile(work: Callable[[], Out], pressed: Pressed = _nothing) -> Out:
    """Run `work` in a thread of its own, and return what it returns.

    :param pressed: see `wait`.
    :raises EnterPressed: if the person presses Enter before the work is done. Its thread keeps running then.
    :raises InputEnded: if the input ends.
    """
    done: queue.SimpleQueue[tuple[Out | None, BaseException | None]] = queue.SimpleQueue()
    ready, tell = os.pipe()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:
            done.put((None, error))
        finally:
            # Closing wakes the waiting side. Unlike a write, it cannot fail if that side has gone.
            os.close(tell)

    if not threads.start(run, "look"):
        # Enter is seen afterwards.
        os.close(ready)
        os.close(tell)
        return work()
    try:
        while done.empty():
            deferral.raise_pending()
            readable = select.select([ready, _terminal()], [], [])[0]
            if done.empty() and _terminal() in readable and _enter(pressed):
                raise EnterPressed
    finally:
        os.close(ready)
    value, error = done.get()
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """Hide what is typed while the block runs, and get each key at once. Ctrl-C keeps working."""
    terminal = _terminal()
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        yield
        return
    changed = [*before]
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    changed[6] = [*before[6]]
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    termios.tcsetattr(terminal, termios.TCSANOW, changed)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSANOW, before)


def _terminal() -> int:
    return sys.stdin.fileno()


def _enter(pressed: Pressed) -> bool:
    """Read one key, and tell whether it is Enter. What was typed ahead is left for the next question."""
    key = _read(1).decode(errors="replace")
    if key in ENDS:
        raise InputEnded
    if key not in ENTER:
        pressed(key)
    return key in ENTER


def _read(count: int) -> bytes:
    try:
        typed = os.read(_terminal(), count)
    except OSError:
        # The kernel reports this when the other end of the terminal has been closed.
        typed = b""
    if not typed:
        raise InputEnded
    return typed
