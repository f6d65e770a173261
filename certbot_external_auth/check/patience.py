"""What a trial waits for, and how it says so if that takes long."""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from certbot_external_auth import threads

TELL_AFTER_SECONDS = 2.0
"""How long a handler's call is waited for without a word."""


class Wanted(enum.Enum):
    """Who is waited for."""

    HANDLER = enum.auto()
    """A call of the handler."""
    SERVERS = enum.auto()
    """The servers, until they show a change."""


@dataclass(frozen=True)
class Waiting:
    """Something that takes long.

    :ivar step: key of the step.
    :ivar seconds: the longest time; None for no limit.
    """

    step: str
    wanted: Wanted
    seconds: float | None


@contextlib.contextmanager
def telling(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell`, from another thread, if the block takes long. After the block it is not called."""
    done, turn = threading.Event(), threading.Lock()

    def wait() -> None:
        if not done.wait(TELL_AFTER_SECONDS):
            with turn:
                if not done.is_set():
                    tell()

    threads.start(wait, "external-auth-patience")
    try:
        yield
    finally:
        done.set()
        # If it is being called now, its line comes before those of the caller.
        with turn:
            pass
