"""A driver's answers: how a line is parsed, and which of the open lines it settles. Pure functions and data, no I/O."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass

from certbot_external_auth.text import one_line, quoted

MAX_LINE_BYTES = 65536
"""Longest answer line."""
MAX_WAIT_SECONDS = 7 * 24 * 3600.0
"""A week: what an answer can ask for, and how far answers can move a deadline altogether."""


class AnswerError(ValueError):
    """A line that is not an answer. The message quotes it and says what is wrong.

    :param code: one of `error_codes.CODES`.
    """

    def __init__(self, message: str, code: str = "answer.malformed") -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True)
class Answer:
    """One parsed answer.

    :ivar id: id of the line that it answers; None means all open lines, or with `newline` the oldest open challenge.
    :ivar newline: whether the answer is an empty line.
    :ivar ok: True for done, False for refused with `code` and `message`, None with `wait`.
    :ivar wait: seconds that the driver needs, from now on.
    :ivar run: id of the run that it answers; None means this run.
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

    :raises AnswerError: if it is neither empty nor one of the objects in docs/reference/json-lines.md.
    """
    if not line.strip():
        return Answer(newline=True)
    if len(line) > MAX_LINE_BYTES:
        raise AnswerError(f"a line of more than {MAX_LINE_BYTES} bytes is not an answer")
    shown = quoted(line.decode("utf-8", "replace"))
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise AnswerError(f'{shown} is not JSON; an answer looks like {{"id": "c1", "ok": true}}') from None
    if not isinstance(value, dict):
        raise AnswerError(f"{shown} is not a JSON object")
    return _from_object(value, shown)


def _from_object(value: dict[object, object], shown: str) -> Answer:
    identifier, run = value.get("id"), value.get("run")
    if identifier is not None and not isinstance(identifier, str):
        raise AnswerError(f"{shown}: id is not a text")
    if run is not None and not isinstance(run, str):
        raise AnswerError(f"{shown}: run is not a text")
    wait, ok = value.get("wait"), value.get("ok")
    if wait is not None and ok is not None:
        raise AnswerError(f"{shown}: it has both ok and wait; send one of the two")
    if wait is not None:
        if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0 < wait <= MAX_WAIT_SECONDS:
            raise AnswerError(f"{shown}: wait is not a number of seconds above 0 and up to {MAX_WAIT_SECONDS:.0f}")
        return Answer(id=identifier, ok=None, wait=float(wait), run=run)
    if not isinstance(ok, bool):
        raise AnswerError(f"{shown}: it has neither ok (true or false) nor wait (seconds)")
    error = value.get("error")
    details = error if isinstance(error, dict) else {"message": error}
    code, message = _text(details.get("code"), 100), _text(details.get("message"), 1000)
    return Answer(id=identifier, ok=ok, code=code, message=message, run=run)


def _text(value: object, max_characters: int) -> str:
    return "" if value is None else one_line(str(value), max_characters)


@dataclass
class Open:
    """A line that waits for an answer.

    :ivar cmd: the line's command.
    :ivar deadline: time on the monotonic clock.
    :ivar latest: time to which answers can move the deadline at most.
    """

    id: str
    cmd: str
    deadline: float
    latest: float


@dataclass(frozen=True)
class Settled:
    """A line that was confirmed or refused. :ivar answer: never one that asks for more time."""

    id: str
    answer: Answer


class Ledger:
    """The lines that wait for an answer. A second answer for a line changes nothing."""

    def __init__(self, run: str | None = None) -> None:
        """:param run: id of the run, which answers can name."""
        self._run = run
        self._open: dict[str, Open] = {}
        self._known: set[str] = set()

    def expect(self, identifier: str, cmd: str, deadline: float, extendable: bool = True) -> None:
        """Add a line that is sent now. :param extendable: whether an answer can ask for more time."""
        self._known.add(identifier)
        latest = deadline + MAX_WAIT_SECONDS if extendable else deadline
        self._open[identifier] = Open(identifier, cmd, deadline, latest)

    def close(self, identifiers: Iterable[str]) -> None:
        """Remove lines, answered or not."""
        for identifier in identifiers:
            self._open.pop(identifier, None)

    def open(self, identifiers: Iterable[str]) -> list[Open]:
        """Return those of the lines that still wait."""
        return [self._open[one] for one in identifiers if one in self._open]

    def apply(self, answer: Answer, now: float) -> list[Settled]:
        """Take an answer, and return the lines that it settles.

        :raises AnswerError: if it names another run, or an id that was never sent.
        """
        if answer.run not in (None, self._run):
            raise AnswerError(
                f"an answer to the run {quoted(str(answer.run))}, which is not this run", "answer.unknown_id"
            )
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
