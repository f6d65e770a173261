"""A driver's answers: parsing one line, and what it does to the lines that wait for an answer. No I/O."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass

from certbot_external_auth.text import one_line, quoted

MAX_LINE_BYTES = 65536
"""Bytes of one answer line at most."""
MAX_WAIT_SECONDS = 7 * 24 * 3600.0


class AnswerError(ValueError):
    """A line that is no answer; the message says what is wrong and quotes it. :param code: see `error_codes`."""

    def __init__(self, message: str, code: str = "answer.malformed") -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True)
class Answer:
    """One parsed answer.

    :ivar id: the line it is for; None means all open lines, or for `newline` the oldest open challenge.
    :ivar newline: an empty line.
    :ivar ok: done, or refused with `code` and `message`; None if it asks for `wait`.
    :ivar wait: seconds of more time, counted from now.
    :ivar run: which run it is for; None means this one.
    """

    id: str | None = None
    newline: bool = False
    ok: bool | None = True
    wait: float | None = None
    code: str = ""
    message: str = ""
    run: str | None = None


def parse(line: bytes) -> Answer:
    """Parse a line without its newline.

    :raises AnswerError: if it is neither empty nor an object of the forms in docs.
    """
    if not line.strip():
        return Answer(newline=True)
    if len(line) > MAX_LINE_BYTES:
        raise AnswerError(f"a line of more than {MAX_LINE_BYTES} bytes is no answer")
    shown = quoted(line.decode("utf-8", "replace"))
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise AnswerError(f'{shown} is no JSON; an answer looks like {{"id": "c1", "ok": true}}') from None
    if not isinstance(value, dict):
        raise AnswerError(f"{shown} is no JSON object")
    return _from_object(value, shown)


def _from_object(value: dict[object, object], shown: str) -> Answer:
    identifier, run = value.get("id"), value.get("run")
    if identifier is not None and not isinstance(identifier, str):
        raise AnswerError(f"{shown}: id is no text")
    if run is not None and not isinstance(run, str):
        raise AnswerError(f"{shown}: run is no text")
    wait, ok = value.get("wait"), value.get("ok")
    if wait is not None and ok is not None:
        raise AnswerError(f"{shown}: both ok and wait are given, and only one of them can be meant")
    if wait is not None:
        if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0 < wait <= MAX_WAIT_SECONDS:
            raise AnswerError(f"{shown}: wait is no number of seconds above 0, up to {MAX_WAIT_SECONDS:.0f}")
        return Answer(id=identifier, ok=None, wait=float(wait), run=run)
    if not isinstance(ok, bool):
        raise AnswerError(f"{shown}: neither ok (true or false) nor wait (seconds) is given")
    error = value.get("error")
    details = error if isinstance(error, dict) else {"message": error}
    code, message = (_text(details.get(key), limit) for key, limit in (("code", 100), ("message", 1000)))
    return Answer(id=identifier, ok=ok, code=code, message=message, run=run)


def _text(value: object, limit: int) -> str:
    return "" if value is None else one_line(str(value), limit)


@dataclass
class Open:
    """A line that waits for an answer.

    :ivar deadline: on the monotonic clock. :ivar latest: how far an answer may move it.
    """

    id: str
    cmd: str
    deadline: float
    latest: float


@dataclass(frozen=True)
class Settled:
    """A line that was answered. :ivar answer: never one that asks for more time."""

    id: str
    answer: Answer


class Ledger:
    """Which lines are open. An answer for a line that was settled before changes nothing."""

    def __init__(self, run: str | None = None) -> None:
        """:param run: the run that answers may name."""
        self._run = run
        self._open: dict[str, Open] = {}
        self._known: set[str] = set()

    def expect(self, identifier: str, cmd: str, deadline: float, extendable: bool = True) -> None:
        """A line is sent now. :param extendable: an answer may ask for more time, a week at most."""
        self._known.add(identifier)
        latest = deadline + MAX_WAIT_SECONDS if extendable else deadline
        self._open[identifier] = Open(identifier, cmd, deadline, latest)

    def close(self, identifiers: Iterable[str]) -> None:
        """Give up waiting for these."""
        for identifier in identifiers:
            self._open.pop(identifier, None)

    def open(self, identifiers: Iterable[str]) -> list[Open]:
        return [self._open[one] for one in identifiers if one in self._open]

    def apply(self, answer: Answer, now: float) -> list[Settled]:
        """What an answer settles.

        :raises AnswerError: if it names another run, or an id that was never sent.
        """
        if answer.run not in (None, self._run):
            raise AnswerError(f"an answer to the run {quoted(str(answer.run))}, not to this one", "answer.unknown_id")
        if answer.id is not None and answer.id not in self._known:
            raise AnswerError(f"no line with the id {quoted(answer.id)} was sent in this run", "answer.unknown_id")
        targets = self._targets(answer)
        if answer.wait is not None:
            for target in targets:
                target.deadline = min(max(target.deadline, now + answer.wait), target.latest)
            return []
        self.close(target.id for target in targets)
        return [Settled(target.id, answer) for target in targets]

    def _targets(self, answer: Answer) -> list[Open]:
        if answer.newline:
            challenges = (one for one in self._open.values() if one.cmd == "perform_challenge")
            return list(itertools.islice(challenges, 1))
        if answer.id is None:
            return list(self._open.values())
        return self.open([answer.id])
