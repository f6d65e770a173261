"""Ask many addresses at the same time, so that those that do not answer do not hold up the others."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from certbot_external_auth import threads
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.parallel import NO_TIME, POLL_SECONDS

logger = logging.getLogger(__name__)

MAX_THREADS = 128
"""At the same time; each has one socket."""
LAST_SECONDS = 0.1
"""No server is asked in this time before the end: a server that does not answer that fast need not be down."""
SILENT_BEFORE = "not asked again: it had not answered before"

In = TypeVar("In", bound=Hashable)
Out = TypeVar("Out")


@dataclass(frozen=True)
class Step(Generic[In, Out]):
    """The result of one question.

    :ivar found: what the question brought.
    :ivar further: questions that follow from the answer.
    :ivar silent: the place did not answer in time; None if it was not asked.
    """

    found: tuple[Out, ...] = ()
    further: tuple[In, ...] = ()
    silent: bool | None = False


@dataclass
class Memory(Generic[In]):
    """What the look before leaves.

    :ivar silent: places that were asked and did not answer at all.
    :ivar unanswered: questions that were not answered.
    """

    silent: set[Hashable] = field(default_factory=set)
    unanswered: set[In] = field(default_factory=set)


class Turns(Generic[In]):
    """The order of the questions, without threads and without a clock.

    Next is a question of the place with the fewest open questions; among equals, places take turns. Places that were
    silent in the look before come last. At one place, a question that was not answered then comes last, since that
    question alone may be the trouble.

    :param where: returns the place that a question goes to.
    """

    def __init__(self, where: Callable[[In], Hashable], memory: Memory[In]) -> None:
        self._where = where
        self._late = set(memory.silent)
        self._unanswered = set(memory.unanswered)
        self._waiting: defaultdict[Hashable, deque[In]] = defaultdict(deque)
        self._again: defaultdict[Hashable, deque[In]] = defaultdict(deque)
        self._busy: Counter[Hashable] = Counter()
        self._order = itertools.count()
        # An entry is pushed with every change of a place. Those out of date stay until they come up.
        self._heap: list[tuple[bool, int, int, Hashable]] = []
        self._answered: set[Hashable] = set()
        self._timed_out: set[Hashable] = set()

    @property
    def silent(self) -> set[Hashable]:
        """Places that let a question time out and have answered none."""
        return self._timed_out - self._answered

    def is_silent(self, item: In) -> bool:
        """Tell whether the place of a question is silent so far."""
        place = self._where(item)
        return place in self._timed_out and place not in self._answered

    def add(self, item: In) -> None:
        """Take a question."""
        place = self._where(item)
        (self._again if item in self._unanswered else self._waiting)[place].append(item)
        self._push(place)

    def next(self) -> In | None:
        """Return the question whose turn it is, None if there is none. It counts as open until it is `done`."""
        while self._heap:
            _, busy, _, place = heapq.heappop(self._heap)
            queue = self._waiting[place] or self._again[place]
            if queue and busy == self._busy[place]:
                self._busy[place] += 1
                item = queue.popleft()
                self._push(place)
                return item
        return None

    def done(self, item: In, silent: bool | None) -> None:
        """Note that a question is no longer open.

        :param silent: see `Step`.
        """
        place = self._where(item)
        if silent is not None:
            (self._timed_out if silent else self._answered).add(place)
        self._busy[place] -= 1
        self._push(place)

    def _push(self, place: Hashable) -> None:
        if self._waiting[place] or self._again[place]:
            heapq.heappush(self._heap, (place in self._late, self._busy[place], next(self._order), place))


class Look(Generic[In, Out]):
    """All questions of one look, and those that follow from their answers.

    :param where: returns the place that a question goes to: an address and port, or a name whose addresses are needed.
    :param ask: asks one question; must end by itself at `until` (monotonic clock).
    :param unasked: makes the result of a question that was not asked, or at which `ask` failed.
    :param memory: of the look before; replaced by that of this look.
    """

    def __init__(
        self,
        where: Callable[[In], Hashable],
        ask: Callable[[In], Step[In, Out]],
        unasked: Callable[[In, Outcome, str], Out],
        until: float,
        memory: Memory[In],
    ) -> None:
        self._ask = ask
        self._unasked = unasked
        self._until = until
        self._memory = memory
        self._turns: Turns[In] = Turns(where, memory)
        self._lock = threading.Lock()
        self._open = 0
        self._threads = 0
        self._over = threading.Event()
        self._found: list[tuple[In, Out]] = []
        self._unanswered: set[In] = set()

    def run(self, items: Sequence[In]) -> list[tuple[In, Out]]:
        """Return what was found, each with its question, in any order.

        A signal's exception ends the wait at once. The threads are daemons and start no other question then.
        """
        if not items:
            return []
        try:
            with self._lock:
                for item in items:
                    self._add(item)
                alone = not self._threads
                self._threads += alone
            if alone:
                self._work()
            while not self._over.wait(POLL_SECONDS):
                pass
        finally:
            self._over.set()
        with self._lock:
            self._memory.silent, self._memory.unanswered = self._turns.silent, self._unanswered
            return self._found

    # --- with the lock held ---

    def _add(self, item: In) -> None:
        self._turns.add(item)
        self._open += 1
        if self._threads < MAX_THREADS:
            # If the system has no more threads, those that run do the work.
            self._threads += 1
            self._threads -= not threads.start(self._work, "visibility")

    def _take(self) -> tuple[In, Outcome | None, str] | None:
        """Return a question, and the outcome if it must not be asked; None if this thread is not needed."""
        item = None if self._over.is_set() else self._turns.next()
        if item is None:
            self._threads -= 1
            return None
        if time.monotonic() > self._until - LAST_SECONDS:
            return item, Outcome.NOT_ASKED, NO_TIME
        if self._turns.is_silent(item):
            return item, Outcome.TIMEOUT, SILENT_BEFORE
        return item, None, ""

    def _put(self, item: In, step: Step[In, Out]) -> None:
        self._turns.done(item, step.silent)
        self._found += [(item, result) for result in step.found]
        if step.silent:
            self._unanswered.add(item)
        for following in step.further:
            self._add(following)
        self._open -= 1
        if not self._open:
            self._over.set()

    # --- threads ---

    def _work(self) -> None:
        while True:
            with self._lock:
                taken = self._take()
            if taken is None:
                return
            item, outcome, detail = taken
            step = self._asked(item) if outcome is None else Step((self._unasked(item, outcome, detail),), silent=None)
            with self._lock:
                self._put(item, step)

    def _asked(self, item: In) -> Step[In, Out]:
        try:
            return self._ask(item)
        except BaseException as error:
            if threads.is_signal(error):
                raise
            # The other questions go on.
            logger.debug("A question failed.", exc_info=True)
            return Step((self._unasked(item, Outcome.FAULT, one_line(f"{type(error).__name__}: {error}")),))
