"""Decides which calls of a batch can run now. Pure: it starts no process."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from certbot_external_auth.dialects import Call


def places(call: Call) -> list[str]:
    """Return what a call writes: names of TXT records and the names at the end of their aliases, URLs, server names.

    They are in lower case, since a CA may write one name in two ways (RFC 4343).
    """
    touched = (
        place for each in call.challenges for place in (each.txt_domain, each.txt_target, each.uri, each.server_name)
    )
    return list(dict.fromkeys(place.lower() for place in touched if place is not None))


class Schedule:
    """Hands out the numbers of calls, in their order as far as possible.

    A call that is not `side_by_side` waits for all calls before it, and all calls after it wait for it. Up to `jobs` of
    the others run at the same time, but calls that touch the same place run one after the other, in their order. The
    time that a call takes here does not depend on the number of calls.
    """

    def __init__(self, calls: Sequence[Call], jobs: int) -> None:
        self._calls = calls
        self._jobs = jobs
        self._entered = 0
        self._running = 0
        self._open = 0
        self._ready: list[int] = []
        self._queues: dict[str, deque[int]] = {}
        self._behind: dict[int, int] = {}

    def take(self) -> int | None:
        """Return the number of the next call to start; None if there is none, or if it must wait for another one."""
        if not self._open:
            self._enter()
        if not self._ready or self._running >= self._jobs:
            return None
        self._running += 1
        return heapq.heappop(self._ready)

    def ended(self, number: int) -> None:
        """Note that a call has ended. The caller MUST do this once for each call it has taken."""
        self._running -= 1
        self._open -= 1
        for place in places(self._calls[number]):
            queue = self._queues[place]
            queue.popleft()
            if queue:
                self._step_up(queue[0])

    def _enter(self) -> None:
        """Admit calls, up to the next one that must run alone."""
        while self._entered < len(self._calls):
            call = self._calls[self._entered]
            if self._open and not call.side_by_side:
                return
            self._admit(self._entered, call)
            self._entered += 1
            if not call.side_by_side:
                return

    def _admit(self, number: int, call: Call) -> None:
        self._open += 1
        self._behind[number] = 1
        for place in places(call):
            queue = self._queues.setdefault(place, deque())
            queue.append(number)
            self._behind[number] += len(queue) > 1
        self._step_up(number)

    def _step_up(self, number: int) -> None:
        """Remove one of the reasons for which a call waits."""
        self._behind[number] -= 1
        if not self._behind[number]:
            heapq.heappush(self._ready, number)
