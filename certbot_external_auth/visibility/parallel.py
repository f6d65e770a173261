"""Ask many slow questions at the same time, with a bounded number of threads, and stop at once for a signal."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from certbot_external_auth import threads
from certbot_external_auth.signals import deferral

MAX_THREADS = 64
"""At the same time; each has one socket."""
POLL_SECONDS = 0.5
"""The time after which a wait looks for a signal, where the system's own wait cannot be interrupted."""

NO_TIME = "no time was left"
"""The reason why a server was not asked."""
NO_ZONE = "the resolvers of this machine do not know its zone"
"""The reason why no server was."""

In = TypeVar("In")
Out = TypeVar("Out")


def each(ask: Callable[[In], Out], items: Sequence[In], limit: int = MAX_THREADS) -> list[Out]:
    """Return what `ask` returns for each item, in their order, and raise what it raises.

    A signal's exception ends the wait at once. The threads are daemons: they start no other item then, and end with
    the process at the latest.

    :param ask: must have a time limit of its own.
    :param limit: of threads.
    """
    if len(items) <= 1:
        return [ask(item) for item in items]
    todo: queue.SimpleQueue[tuple[int, In]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Out | None, BaseException | None]] = queue.SimpleQueue()
    left = threading.Event()
    for pair in enumerate(items):
        todo.put(pair)

    def work() -> None:
        while not left.is_set():
            try:
                index, item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, ask(item), None))
            except BaseException as error:
                done.put((index, None, error))

    started = 0
    while started < min(limit, len(items)) and threads.start(work, "visibility"):
        started += 1
    if not started:
        return _one_by_one(ask, items)
    try:
        return _collect(done, len(items))
    finally:
        left.set()


def _one_by_one(ask: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
    found = []
    for item in items:
        deferral.raise_pending()
        found.append(ask(item))
    return found


def _collect(done: queue.SimpleQueue[tuple[int, Out | None, BaseException | None]], count: int) -> list[Out]:
    found: dict[int, Out] = {}
    while len(found) < count:
        deferral.raise_pending()
        try:
            index, value, error = done.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if error is not None:
            raise error
        found[index] = value  # type: ignore[assignment]
    return [found[index] for index in range(count)]


def seconds_left(until: float) -> float:
    """Return the seconds until a moment of the monotonic clock, at least 0.01: to a socket, 0 means "do not wait"."""
    return max(0.01, until - time.monotonic())
