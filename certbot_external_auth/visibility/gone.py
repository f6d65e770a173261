"""Check that what was published is gone: the same probes, and the opposite rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Says, expectations, verdict, watch


@dataclass(frozen=True)
class Sight:
    """What is known about one challenge after the last look.

    :ivar gone: every server that could be asked, at least one, says that it is not there.
    :ivar at: the server that still shows it; empty if none does.
    :ivar unclear: in words, why neither is known.
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
    """Look until all challenges are gone, no server answers, or the time is over; return what was seen last.

    :param challenges: the order of the result.
    :param timeout: seconds.
    :param ripe: tells whether a challenge would be visible by now if it were published. As long as it would not, its
        absence proves nothing, and the watch goes on.
    :param pause: see `watch.watch`.
    """
    # By where each was published. For a record that is where the alias led then, wherever it leads now.
    places: dict[str, list[Challenge]] = {}
    for challenge in challenges:
        others = places.setdefault(challenge.record_name, [])
        # A name can have many records, but a server shows only one certificate for it.
        if challenge.txt_domain is not None or not others:
            others.append(challenge)
    wanted = [_expectation(place, group) for place, group in places.items()]
    last: list[Observation] = []

    def look_turned(expectations: Sequence[Expectation], until: float) -> list[Observation]:
        last[:] = look(expectations, until)
        return [_turned(row, places[row.place], ripe) for row in last]

    watch.watch(look_turned, wanted, watch.Policy(timeout=timeout), pause=pause)
    rows = verdict.by_place(wanted, last)
    return [
        _sight(rows[challenge.record_name], challenge) if challenge in places[challenge.record_name] else _HIDDEN
        for challenge in challenges
    ]


_HIDDEN = Sight(unclear="another certificate for the same name was checked")


def _expectation(place: str, challenges: Sequence[Challenge]) -> Expectation:
    each = [expectations([challenge])[0] for challenge in challenges]
    values = dict.fromkeys(value for expectation in each for value in expectation.values)
    return replace(each[0], place=place, values=tuple(values))


def _turned(row: Observation, challenges: Sequence[Challenge], ripe: Callable[[Challenge], bool]) -> Observation:
    """Return the observation for the rule of `verdict`, to which a match means that all challenges are gone."""
    if any(_shows(row, challenge) for challenge in challenges):
        return replace(row, outcome=Outcome.OTHER_VALUES)
    if not all(_denies(row, challenge) for challenge in challenges):
        return row
    return replace(row, outcome=Outcome.MATCH if all(map(ripe, challenges)) else Outcome.NO_RECORD)


def _shows(row: Observation, challenge: Challenge) -> bool:
    return row.outcome is Outcome.MATCH or (challenge.txt_domain is not None and challenge.validation in row.seen)


def _denies(row: Observation, challenge: Challenge) -> bool:
    # A server that runs only for its challenge stops with it.
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
    return Sight(gone=True) if asked else Sight(unclear="no server can be asked from this machine")


def _who(row: Observation) -> str:
    return " ".join(filter(None, (row.server, row.address)))
