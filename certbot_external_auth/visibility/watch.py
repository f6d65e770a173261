"""Check again and again until everything is visible or the time is over."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.signals import deferral
from certbot_external_auth.visibility import Expectation, Observation, Outcome, verdict
from certbot_external_auth.visibility.verdict import Decision, State

FIRST_PAUSE_SECONDS, PAUSE_GROWTH, MAX_PAUSE_SECONDS = 1.0, 1.5, 15.0
"""The seconds between two looks: the first pause, the factor by which pauses grow, and the longest pause."""
JITTER = 0.1
"""Pauses vary by this part of their length, so that many hosts do not ask at the same moment."""
LOOK_SECONDS = 10.0
"""The longest time for one look."""
LAST_LOOK = 3.0
"""Seconds that the last look may take after the time is over."""
SILENT_ROUNDS, SILENT_SECONDS = 2, 10.0
"""Looks, and seconds for them, after which `auto` stops if no server has answered, and `strict` if this machine still
does not know which servers to ask."""

Look = Callable[[Sequence[Expectation], float], list[Observation]]
"""A function that checks all expectations once, until a moment of the monotonic clock; see `Observer.look`."""


@dataclass(frozen=True)
class Policy:
    """The rules of a watch.

    :ivar mode: ``auto`` or ``strict``.
    :ivar timeout: seconds; infinite if a person ends the watch.
    :ivar settle: seconds to wait after everything was visible.
    """

    mode: str = "auto"
    timeout: float = 120.0
    settle: float = 0.0


@dataclass(frozen=True)
class Round:
    """The result of one look.

    :ivar number: counted from 1.
    :ivar seconds: since the watch began.
    :ivar seen: the observations of each place.
    :ivar over: this was the last round.
    :ivar pause: seconds until the next one.
    """

    number: int
    seconds: float
    seen: Mapping[str, Sequence[Observation]]
    over: bool = False
    pause: float = 0.0

    @property
    def observations(self) -> list[Observation]:
        return [observation for seen in self.seen.values() for observation in seen]

    @property
    def states(self) -> dict[str, State]:
        return verdict.states(self.seen, self.over)

    def decision(self, policy: str) -> Decision:
        """Return what the batch does if this was the last round."""
        return max((verdict.decision(seen, policy) for seen in self.seen.values()), default=Decision.GO_ON)


def watch(
    look: Look,
    expectations: Sequence[Expectation],
    policy: Policy,
    told: Callable[[Round], None] = lambda _: None,
    pause: Callable[[float], bool] | None = None,
) -> Round:
    """Look until everything is visible, another look could not help, or the time is over; return the last round.

    :param told: called after each look.
    :param pause: waits for some seconds; returns True to end the watch. None to sleep.
    """
    pause = pause or _sleep
    start = time.monotonic()
    number, length = 0, FIRST_PAUSE_SECONDS
    there: set[tuple[str, str]] = set()
    seen: Mapping[str, Sequence[Observation]] = {}
    while True:
        number += 1
        last, seen = seen, verdict.by_place(expectations, look(expectations, _until(start, number, policy)))
        spent = time.monotonic() - start
        over = _enough(last, seen, number, spent, policy) or spent >= policy.timeout
        before, there = there, _there(seen)
        if there - before:
            # A value has just arrived, so the others may arrive at any moment.
            length = FIRST_PAUSE_SECONDS
        # The pause is cut so that the last look begins exactly when the time is over.
        wait = 0.0 if over else min(length * random.uniform(1 - JITTER, 1 + JITTER), policy.timeout - spent)
        latest = Round(number, spent, seen, over, wait)
        told(latest)
        if over:
            break
        if pause(wait):
            return latest
        length = min(length * PAUSE_GROWTH, MAX_PAUSE_SECONDS)
    if policy.settle and set(latest.states.values()) == {State.VISIBLE}:
        pause(policy.settle)
    return latest


def _there(seen: Mapping[str, Sequence[Observation]]) -> set[tuple[str, str]]:
    """Return place and address of each match."""
    rows = [row for observations in seen.values() for row in observations]
    return {(row.place, row.address) for row in rows if row.outcome is Outcome.MATCH}


def _sleep(seconds: float) -> bool:
    deferral.raise_pending()
    time.sleep(seconds)
    return False


def _until(start: float, number: int, policy: Policy) -> float:
    """Return when the look with this number must end, by the monotonic clock."""
    now = time.monotonic()
    limit = min(now + LOOK_SECONDS, max(start + policy.timeout, now + LAST_LOOK))
    if policy.mode == verdict.STRICT or number > SILENT_ROUNDS:
        return limit
    # The first looks and the pause between them together take no more than SILENT_SECONDS.
    return min(
        limit, start + (SILENT_SECONDS - FIRST_PAUSE_SECONDS * (1 + JITTER)) * number / SILENT_ROUNDS + number - 1
    )


def _enough(
    last: Mapping[str, Sequence[Observation]],
    seen: Mapping[str, Sequence[Observation]],
    number: int,
    spent: float,
    policy: Policy,
) -> bool:
    """Tell whether another look cannot change the decision.

    :param last: what the look before saw; empty at the first one.
    :param spent: seconds since the watch began.
    """
    for place, observations in seen.items():
        if verdict.state(observations) is State.VISIBLE:
            continue
        if policy.mode != verdict.STRICT:
            settled = _unreachable(observations) or (number >= SILENT_ROUNDS and not verdict.answered(observations))
        else:
            # An address without a route will not get one. But a resolver that knows nothing may have just started.
            known = all(one.address for one in observations) or spent >= SILENT_SECONDS
            settled = place in last and _unreachable(last[place]) and _unreachable(observations) and known
            settled = settled and policy.timeout < math.inf
        if not settled:
            return False
    return True


def _unreachable(observations: Sequence[Observation]) -> bool:
    """Tell whether no address could be asked from this machine."""
    return not verdict.said(observations)
