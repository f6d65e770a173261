"""Which of a batch's calls may run now. Pure: no process is started here."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from certbot_external_auth.dialects import Call


def places(call: Call) -> list[str]:
    """What a call touches: owner names of TXT records and where they are aliases of, files of web servers, names of TLS
    servers.

    In lower case, since a CA may write one name in two ways (RFC 4343).
    """
    found = (place for one in call.challenges for place in (one.txt_domain, one.txt_target, one.uri, one.server_name))
    return list(dict.fromkeys(place.lower() for place in found if place is not None))


class Schedule:
    """Hands out calls by their number, in their order as far as nothing stands against it.

    A call that is not `side_by_side` waits for all before it, and all after it wait for it. Of the others `jobs` run
    at a time; those that touch one place run one after the other, in their order. The work for each call does not
    depend on how many there are.
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
        """The next call to start, None if there is none or it has to wait for the end of another."""
        if not self._open:
            self._enter()
        if not self._ready or self._running >= self._jobs:
            return None
        self._running += 1
        return heapq.heappop(self._ready)

    def ended(self, number: int) -> None:
        """MUST be called once for each call that was taken."""
        self._running -= 1
        self._open -= 1
        for place in places(self._calls[number]):
            queue = self._queues[place]
            queue.popleft()
            if queue:
                self._step_up(queue[0])

    def _enter(self) -> None:
        """Admit the calls up to the next one that has to be alone."""
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
        """One reason less to wait."""
        self._behind[number] -= 1
        if not self._behind[number]:
            heapq.heappush(self._ready, number)
