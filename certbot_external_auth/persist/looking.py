"""Look whether records stand: at every address of every authority, as the CA will."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from certbot_external_auth.accounts import Account
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.persist.making import Entry
from certbot_external_auth.persistent_records import TYPE, Judgement, Reason, judge
from certbot_external_auth.visibility import Expectation, Observation, Says, standing
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.verdict import by_place

LOOK_SECONDS = 10.0


class State(enum.Enum):
    """What the servers say about a record. The values are part of the document."""

    STANDS = "stands"
    """Every address that answered has it."""
    WRONG = "wrong"
    """An address does not have it."""
    UNKNOWN = "unknown"
    """No address answered: that does not mean that it is missing."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one record.

    :ivar judgement: of a server that does not have it, the one that helps most; else of the one whose record ends
        first; None if no server answered.
    :ivar lacking: the servers that do not have it, as name and address.
    :ivar answered: how many addresses answered.
    :ivar silent: what was asked and did not answer, with the reason.
    """

    entry: Entry
    state: State
    judgement: Judgement | None = None
    lacking: tuple[str, ...] = ()
    answered: int = 0
    silent: tuple[str, ...] = ()

    @property
    def reason(self) -> Reason | None:
        """Why the record does not stand; None if it stands, or if that is not known."""
        return self.judgement.reason if self.judgement is not None and self.state is State.WRONG else None


def look(
    entries: Sequence[Entry],
    nameservers: Sequence[Endpoint],
    now: int,
    others: Sequence[Account],
    seconds: float = LOOK_SECONDS,
) -> list[Seen]:
    """Return what the servers have of each record. Several records can be needed at one name.

    :param now: in seconds since 1970. :param seconds: the time for all records.
    """
    # dnspython is needed only here.
    from certbot_external_auth.visibility.observer import Observer

    places: dict[str, list[Entry]] = {}
    for entry in entries:
        places.setdefault(entry.need.place, []).append(entry)
    wanted = [
        Expectation(TYPE, group[0].need.domain, place, (), accepts=_accepted(group, now))
        for place, group in places.items()
    ]
    rows = by_place(wanted, Observer(Surroundings(tuple(nameservers))).look(wanted, time.monotonic() + seconds))
    return [seen(entry, rows[entry.need.place], now, others) for entry in entries]


def _accepted(group: Sequence[Entry], now: int) -> Callable[[Sequence[str]], bool]:
    return lambda values: all(judge(values, entry.need, now).stands for entry in group)


def seen(entry: Entry, rows: Iterable[Observation], now: int, others: Sequence[Account] = ()) -> Seen:
    """Return what observations say about a record. :param rows: those of its name."""
    answers, silent = [], []
    for row in rows:
        if row.outcome.says in (Says.YES, Says.NO):
            answers.append((row, judge(row.whole, entry.need, now, others)))
        elif row.outcome.says is Says.UNCLEAR or not row.address:
            silent.append(_described(row))
    wrong = [(row, found) for row, found in answers if not found.stands]
    if wrong:
        lacking = tuple(_server(row) for row, _ in wrong)
        worst = min((found for _, found in wrong), key=standing.helpful)
        return Seen(entry, State.WRONG, worst, lacking, len(answers), tuple(silent))
    if not answers:
        return Seen(entry, State.UNKNOWN, silent=tuple(silent))
    first = min((found for _, found in answers), key=lambda found: (found.until is None, found.until or 0))
    return Seen(entry, State.STANDS, first, (), len(answers), tuple(silent))


def _server(row: Observation) -> str:
    known = row.server and not row.address.startswith((f"{row.server}:", f"[{row.server}]:"))
    return f"{row.server} ({row.address})" if known else row.address


def _described(row: Observation) -> str:
    who = _server(row) or "the zone's name servers"
    return f"{who}: {row.detail or row.outcome.value.replace('_', ' ')}"
