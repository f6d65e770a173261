"""Waits for the Enter key while other work runs. No other module reads the terminal."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
import termios
from collections.abc import Callable, Iterator
from typing import TypeVar

from certbot_external_auth import threads
from certbot_external_auth.signals import deferral

Out = TypeVar("Out")


class EnterPressed(Exception):  # noqa: N818  (not an error)
    """The person does not want to wait any longer."""


class InputEnded(Exception):  # noqa: N818
    """The terminal is gone, or the person typed Ctrl-D at the beginning of a line."""


def wait(seconds: float | None = None) -> bool:
    """Wait for Enter, and tell whether it was pressed.

    :param seconds: longest wait; None waits without a limit.
    :raises InputEnded: if the input ends.
    """
    deferral.raise_pending()
    return _typed(select.select([_terminal()], [], [], seconds)[0])


def meanwhile(work: Callable[[], Out]) -> Out:
    """Run `work` in a thread of its own, and return what it returns.

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
        deferral.raise_pending()
        readable = select.select([ready, _terminal()], [], [])[0]
    finally:
        os.close(ready)
    if done.empty() and _typed([descriptor for descriptor in readable if descriptor != ready]):
        raise EnterPressed
    value, error = done.get()
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """Hide what is typed while the block runs, so that it does not appear in a table. Ctrl-C keeps working."""
    terminal = _terminal()
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        yield
        return
    changed = [*before]
    changed[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, changed)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSANOW, before)


def _terminal() -> int:
    return sys.stdin.fileno()


def _typed(readable: list[int]) -> bool:
    if not readable:
        return False
    try:
        line = os.read(readable[0], 4096)
    except OSError:
        # The kernel reports this when the other end of the terminal has been closed.
        line = b""
    if not line:
        raise InputEnded
    return True
