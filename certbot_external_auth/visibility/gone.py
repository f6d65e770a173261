"""Looking whether what was published is gone: the same probes, and the rule the other way round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Says, expectations, verdict, watch


@dataclass(frozen=True)
class Sight:
    """What is known about one challenge after the last look.

    :ivar gone: whoever could be asked says that it is not there, and somebody did.
    :ivar at: who still shows it; empty if nobody does.
    :ivar unclear: why neither is known, in words.
    """

    gone: bool = False
    at: str = ""
    unclear: str = ""


def check(
    look: watch.Look,
    challenges: Sequence[Challenge],
    timeout: float,
    ripe: Callable[[Challenge], bool] = lambda one: True,
    pause: Callable[[float], bool] | None = None,
) -> list[Sight]:
    """Look until all of them are gone, nobody answers, or the time is over; what was seen last, in their order.

    :param timeout: seconds.
    :param ripe: whether it would be there by now, if it were published: as long as not, it is looked for again.
    :param pause: see `watch.watch`.
    """
    places: dict[str, list[Challenge]] = {}
    for one in challenges:
        others = places.setdefault(_place(one), [])
        # Of a server one certificate at a time can be seen; records stand side by side.
        if one.txt_domain is not None or not others:
            others.append(one)
    wanted = [_expectation(place, ones) for place, ones in places.items()]
    last: list[Observation] = []

    def look_turned(expectations: Sequence[Expectation], until: float) -> list[Observation]:
        last[:] = look(expectations, until)
        return [_turned(row, places[row.place], ripe) for row in last]

    watch.watch(look_turned, wanted, watch.Policy(timeout=timeout), pause=pause)
    rows = verdict.by_place(wanted, last)
    return [_sight(rows[_place(one)], one) if one in places[_place(one)] else _HIDDEN for one in challenges]


_HIDDEN = Sight(unclear="another certificate of the same name was looked for")


def _place(challenge: Challenge) -> str:
    """A record stands where the alias led when it was published, wherever it leads by now."""
    return challenge.txt_target or challenge.txt_domain or challenge.uri or challenge.server_name or ""


def _expectation(place: str, challenges: Sequence[Challenge]) -> Expectation:
    (first, *_), values = expectations(challenges[:1]), [expectations([one])[0].values for one in challenges]
    return replace(first, place=place, values=tuple(dict.fromkeys(value for found in values for value in found)))


def _turned(row: Observation, challenges: Sequence[Challenge], ripe: Callable[[Challenge], bool]) -> Observation:
    """As the rule for what must be visible takes it: what must be gone is a match when it is."""
    if any(_shows(row, one) for one in challenges):
        return replace(row, outcome=Outcome.OTHER_VALUES)
    if not all(_denies(row, one) for one in challenges):
        return row
    return replace(row, outcome=Outcome.MATCH if all(map(ripe, challenges)) else Outcome.NO_RECORD)


def _shows(row: Observation, challenge: Challenge) -> bool:
    return row.outcome is Outcome.MATCH or (challenge.txt_domain is not None and challenge.validation in row.seen)


def _denies(row: Observation, challenge: Challenge) -> bool:
    # A server that listens for challenges only is gone with them.
    shut = row.outcome is Outcome.CONNECTION_REFUSED and challenge.txt_domain is None
    return not _shows(row, challenge) and (shut or row.outcome.says is Says.NO)


def _sight(rows: Sequence[Observation], challenge: Challenge) -> Sight:
    shown = [row for row in rows if _shows(row, challenge)]
    if shown:
        return Sight(at=_who(shown[0]))
    asked = [row for row in rows if row.outcome.says is not Says.NOTHING]
    silent = [row for row in asked if not _denies(row, challenge)]
    if silent:
        words = f"{_who(silent[0])}: {silent[0].outcome.value.replace('_', ' ')}"
        return Sight(unclear=words.removeprefix(": "))
    return Sight(gone=True) if asked else Sight(unclear="nobody can be asked from here")


def _who(row: Observation) -> str:
    return " ".join(filter(None, (row.server, row.address)))
