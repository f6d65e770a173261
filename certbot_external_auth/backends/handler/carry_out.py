"""Carries out the calls of a batch, as many at a time as may be."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from certbot_external_auth.backends.handler.schedule import Schedule
from certbot_external_auth.dialects import Call
from certbot_external_auth.errors import Failure
from certbot_external_auth.processes.program import Ended, Program
from certbot_external_auth.processes.runner import Together

Steps = Generator[Program, Ended, list[Failure]]
"""One call while it is carried out: gives programs to run one after the other, gets how each ended, and returns what
failed."""


def carry_out(
    calls: Sequence[Call], steps: Callable[[Call], Steps], *, jobs: int = 1, keep_going: bool = False
) -> list[Failure]:
    """Carry out all calls; what failed, in the order of the calls.

    :param steps: begins a call. What it does before its first program happens just before that is started.
    :param jobs: calls at a time.
    :param keep_going: go on past failures. Otherwise the first one keeps what has not started from starting; what runs
        is waited for.
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
