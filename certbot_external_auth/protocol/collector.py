"""Waiting for a driver's answers: until every line is settled, its deadline is over, or the driver is gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from certbot_external_auth.errors import Problem
from certbot_external_auth.protocol.answers import AnswerError, Settled, parse
from certbot_external_auth.protocol.stream import Stream

MAX_MALFORMED_LINES = 100
"""Lines that are no answers after which a driver is not listened to any more."""
MAX_LATE_LINES = 10_000
"""Lines that are still looked at after a deadline: they may have come in time. More is a driver that never stops."""
MAX_EARLY_LINES = 100_000
"""Lines from before a question that are looked at, and count for nothing."""


@dataclass(frozen=True)
class Unconfirmed:
    """Why a line was not confirmed.

    :ivar happened: in words, for a sentence.
    :ivar problem: the driver's code and message, or our code.
    """

    happened: str
    problem: Problem


def skip_early(stream: Stream) -> None:
    """Take what was sent before the next lines are. It cannot be meant for them, and another answer to the same
    challenge would else pass for one to its cleanup."""
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
                stream.error(error.code, f"Before any line that waits for it: {error}")


class Collector:
    """Waits for the answers to some lines.

    :param first_failure_ends: stop at the first line that is not confirmed, or that is no answer.
    """

    def __init__(self, stream: Stream, ids: Sequence[str], first_failure_ends: bool) -> None:
        self._stream = stream
        self._left = dict.fromkeys(ids)
        self._first_failure_ends = first_failure_ends
        self._failures: dict[str, Unconfirmed] = {}
        self._rubbish = self._late = 0

    def wait(self) -> dict[str, Unconfirmed]:
        """The result says for each line that was not confirmed why not."""
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
        """No line's deadline is before this; deadlines only move away."""
        return min((one.deadline for one in self._stream.ledger.open(self._left)), default=0.0)

    def _overdue(self) -> list[str]:
        now = time.monotonic()
        return [one.id for one in self._stream.ledger.open(self._left) if one.deadline <= now]

    def _give_up(self, ids: Iterable[str], code: str, happened: str) -> None:
        for identifier in ids:
            self._stream.error(code, f"No answer for {identifier}: {happened}.", identifier)
            self._fail(identifier, Unconfirmed(happened, {"type": code, "detail": happened}))

    def _take(self, line: bytes) -> None:
        try:
            settled = self._stream.ledger.apply(parse(line), time.monotonic())
        except AnswerError as error:
            self._refuse(error)
            return
        for one in settled:
            if one.answer.ok is False:
                self._refused(one)
            self._left.pop(one.id, None)

    def _refuse(self, error: AnswerError) -> None:
        """A line that is no answer."""
        self._stream.error(error.code, str(error))
        self._rubbish += 1
        if self._first_failure_ends or self._rubbish >= MAX_MALFORMED_LINES:
            for identifier in list(self._left):
                self._fail(identifier, Unconfirmed(str(error), {"type": error.code, "detail": str(error)}))

    def _refused(self, one: Settled) -> None:
        answer = one.answer
        reason = ": ".join(filter(None, (answer.code, answer.message))) or "no reason given"
        self._stream.error("answer.refused", f"{one.id} was refused ({reason}).", one.id)
        problem = {"type": answer.code or "answer.refused", "detail": answer.message or "no reason given"}
        self._fail(one.id, Unconfirmed(f"it refused ({reason})", problem))

    def _fail(self, identifier: str, why: Unconfirmed) -> None:
        self._failures[identifier] = why
        self._left.pop(identifier, None)
        self._stream.ledger.close([identifier])
