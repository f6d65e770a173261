"""Carries out the calls of a batch, as many at the same time as allowed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from certbot_external_auth.backends.handler.schedule import Schedule
from certbot_external_auth.dialects import Call
from certbot_external_auth.errors import Failure
from certbot_external_auth.processes.program import Ended, Program
from certbot_external_auth.processes.runner import Together

Steps = Generator[Program, Ended, list[Failure]]
"""A call that is carried out: yields the programs to run one after the other, is sent how each ended, and returns the
failures."""


def carry_out(
    calls: Sequence[Call], steps: Callable[[Call], Steps], *, jobs: int = 1, keep_going: bool = False
) -> list[Failure]:
    """Carry out all calls, and return the failures in the order of the calls.

    :param steps: makes the steps of a call. What it does before its first program happens just before the start.
    :param jobs: number of calls at the same time.
    :param keep_going: whether to go on after a failure. Otherwise no call starts after one, and those that run are
        waited for.
    """
    batch = _Batch(calls, steps, jobs)
    with batch.together:
        while True:
            while (keep_going or not batch.failures) and (number := batch.schedule.take()) is not None:
                batch.begin(number)
            if not batch.together:
                return [failure for number in sorted(batch.failures) for failure in batch.failures[number]]
            for number, ended in batch.together.wait():
                batch.go_on(number, ended)


class _Batch:
    """The calls, which of them run, and which have failed."""

    def __init__(self, calls: Sequence[Call], steps: Callable[[Call], Steps], jobs: int) -> None:
        self.schedule = Schedule(calls, jobs)
        self.together = Together[int]()
        self.failures: dict[int, list[Failure]] = {}
        self._calls = calls
        self._steps = steps
        self._running: dict[int, Steps] = {}

    def begin(self, number: int) -> None:
        steps = self._running[number] = self._steps(self._calls[number])
        self._step(number, lambda: next(steps))

    def go_on(self, number: int, ended: Ended) -> None:
        self._step(number, lambda: self._running[number].send(ended))

    def _step(self, number: int, step: Callable[[], Program]) -> None:
        try:
            program = step()
        except StopIteration as end:
            del self._running[number]
            self.schedule.ended(number)
            if end.value:
                self.failures[number] = end.value
        else:
            self.together.start(number, program)
