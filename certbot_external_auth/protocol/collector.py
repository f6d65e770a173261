"""Waits for a driver's answers until each line is settled or late, or the driver is gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from certbot_external_auth.errors import Problem
from certbot_external_auth.protocol.answers import AnswerError, Settled, parse
from certbot_external_auth.protocol.stream import Stream

MAX_MALFORMED_LINES = 100
"""After so many lines that are not answers, no more lines of the driver are read."""
MAX_LATE_LINES = 10_000
"""Lines that are still read after a deadline, since they may have come before it. More come from a driver that never
stops writing."""
MAX_EARLY_LINES = 100_000
"""Lines that are read and dropped before a question is sent."""


@dataclass(frozen=True)
class Unconfirmed:
    """Why the driver did not confirm a line.

    :ivar happened: part of a sentence, such as "it did not answer in time".
    :ivar problem: code and message of the driver, or a code of `error_codes.CODES`.
    """

    happened: str
    problem: Problem


def skip_early(stream: Stream) -> None:
    """Read and drop what the driver has sent before the next lines are sent.

    It cannot be meant for them. A second answer to a challenge would otherwise confirm its cleanup, which has the same
    id.
    """
    rubbish = 0
    for _ in range(MAX_EARLY_LINES):
        line = stream.channel.receive(0.0)
        if line is None:
            return
        try:
            stream.ledger.apply(parse(line), time.monotonic())
        except AnswerError as error:
            rubbish += 1
            if rubbish <= MAX_MALFORMED_LINES:
                stream.error(error.code, f"Before any line was open: {error}")


class Collector:
    """Waits for the answers to a set of lines."""

    def __init__(self, stream: Stream, ids: Sequence[str], first_failure_ends: bool) -> None:
        """:param first_failure_ends: stop at the first line that is refused or late, or that is not an answer."""
        self._stream = stream
        self._left = dict.fromkeys(ids)
        self._first_failure_ends = first_failure_ends
        self._failures: dict[str, Unconfirmed] = {}
        self._rubbish = self._late = 0

    def wait(self) -> dict[str, Unconfirmed]:
        """Wait, and return the lines that were not confirmed, by id."""
        channel = self._stream.channel
        soonest = self._soonest()
        while self._left and not (self._first_failure_ends and self._failures):
            self._late += time.monotonic() >= soonest
            line = channel.receive(soonest) if self._late <= MAX_LATE_LINES else None
            if line is not None:
                self._take(line)
            elif channel.ended:
                self._give_up(list(self._left), "answer.end_of_input", "its input ended")
            else:
                self._give_up(self._overdue(), "answer.timeout", "it did not answer in time")
                soonest, self._late = self._soonest(), 0
        return self._failures

    def _soonest(self) -> float:
        """Return the earliest deadline. Answers only move deadlines to later times."""
        return min((one.deadline for one in self._stream.ledger.open(self._left)), default=0.0)

    def _overdue(self) -> list[str]:
        now = time.monotonic()
        return [one.id for one in self._stream.ledger.open(self._left) if one.deadline <= now]

    def _give_up(self, ids: Iterable[str], code: str, happened: str) -> None:
        for identifier in ids:
            self._stream.error(code, f"No answer for {identifier}: {happened}.", identifier)
            self._fail(identifier, Unconfirmed(happened, {"type": code, "detail": happened}))

    def _take(self, data: bytes) -> None:
        try:
            settled = self._stream.ledger.apply(parse(data), time.monotonic())
        except AnswerError as error:
            self._refuse(error)
            return
        for line in settled:
            if line.answer.ok is False:
                self._refused(line)
            self._left.pop(line.id, None)

    def _refuse(self, error: AnswerError) -> None:
        """Report a line that is not an answer. Many of these, or one where a failure ends it, settle all lines."""
        self._stream.error(error.code, str(error))
        self._rubbish += 1
        if self._first_failure_ends or self._rubbish >= MAX_MALFORMED_LINES:
            for identifier in list(self._left):
                self._fail(identifier, Unconfirmed(str(error), {"type": error.code, "detail": str(error)}))

    def _refused(self, line: Settled) -> None:
        answer = line.answer
        reason = ": ".join(filter(None, (answer.code, answer.message))) or "no reason given"
        self._stream.error("answer.refused", f"{line.id} was refused ({reason}).", line.id)
        problem = {"type": answer.code or "answer.refused", "detail": answer.message or "no reason given"}
        self._fail(line.id, Unconfirmed(f"it refused ({reason})", problem))

    def _fail(self, identifier: str, why: Unconfirmed) -> None:
        self._failures[identifier] = why
        self._left.pop(identifier, None)
        self._stream.ledger.close([identifier])
