"""The Enter key, while something else goes on; the only module that reads the terminal."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
import termios
from collections.abc import Callable, Iterator
from typing import TypeVar

from certbot_external_auth import signals, threads

Out = TypeVar("Out")


class EnterPressed(Exception):  # noqa: N818  (it is no error)
    """A person does not want to wait."""


class InputEnded(Exception):  # noqa: N818
    """The terminal is gone, or Ctrl-D was typed at the begin of a line."""


def wait(seconds: float | None = None) -> bool:
    """Whether Enter was pressed within so many seconds; None waits for it.

    :raises InputEnded: at the end of input.
    """
    signals.look()
    return _typed(select.select([_terminal()], [], [], seconds)[0])


def meanwhile(work: Callable[[], Out]) -> Out:
    """What `work` returns, which goes on in a thread of its own.

    :raises EnterPressed: if Enter was pressed before it was done; the thread is left behind then.
    :raises InputEnded: at the end of input.
    """
    done: queue.SimpleQueue[tuple[Out | None, BaseException | None]] = queue.SimpleQueue()
    ready, tell = os.pipe()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:
            done.put((None, error))
        finally:
            # Closing is what wakes the other side, and cannot fail where nobody is left there.
            os.close(tell)

    if not threads.start(run, "look"):
        # Enter is seen afterwards.
        os.close(ready)
        os.close(tell)
        return work()
    try:
        signals.look()
        readable = select.select([ready, _terminal()], [], [])[0]
    finally:
        os.close(ready)
    if done.empty() and _typed([one for one in readable if one != ready]):
        raise EnterPressed
    value, error = done.get()
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """What is typed is not shown meanwhile, since it would stand in the middle of a table; signals go on working."""
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
        # A terminal says so when nobody is left at its other side.
        line = b""
    if not line:
        raise InputEnded
    return True
