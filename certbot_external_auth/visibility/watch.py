"""Looks again and again until everything is visible or the time is over."""

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
"""Seconds between two looks, and by how much they grow while nothing comes."""
JITTER = 0.1
"""Part of a pause by which it may be longer or shorter, so that many hosts do not ask at the same moment."""
LOOK_SECONDS = 10.0
"""Seconds one look may take."""
LAST_LOOK = 3.0
"""Seconds by which looking may go on when the time is over: a look at the end needs some itself."""
SILENT_ROUNDS, SILENT_SECONDS = 2, 10.0
"""Looks, and seconds for these, after which `auto` believes that nobody will answer; `strict`, that nobody here can
find out who is to be asked."""

Look = Callable[[Sequence[Expectation], float], list[Observation]]
"""Looks once for all expectations, until a moment of the monotonic clock; see `Observer.look`."""


@dataclass(frozen=True)
class Policy:
    """:ivar mode: ``auto`` or ``strict``.
    :ivar timeout, settle: seconds; where `timeout` is infinite, a person says when it ends.
    """

    mode: str = "auto"
    timeout: float = 120.0
    settle: float = 0.0


@dataclass(frozen=True)
class Round:
    """What one look found.

    :ivar number: from 1. :ivar seconds: since the watch began. :ivar seen: place to observations.
    :ivar over: there will be no other round. :ivar pause: seconds to the next one.
    """

    number: int
    seconds: float
    seen: Mapping[str, Sequence[Observation]]
    over: bool = False
    pause: float = 0.0

    @property
    def observations(self) -> list[Observation]:
        return [one for seen in self.seen.values() for one in seen]

    @property
    def states(self) -> dict[str, State]:
        return verdict.states(self.seen, self.over)

    def decision(self, policy: str) -> Decision:
        """For the batch, were this the last round."""
        return max((verdict.decision(seen, policy) for seen in self.seen.values()), default=Decision.GO_ON)


def watch(
    look: Look,
    expectations: Sequence[Expectation],
    policy: Policy,
    told: Callable[[Round], None] = lambda _: None,
    pause: Callable[[float], bool] | None = None,
) -> Round:
    """Look until everything is visible, `policy` knows enough, or its time is over; the last round is returned.

    :param told: called after each look.
    :param pause: waits so many seconds; true ends the watch (somebody does not want to wait).
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
            # It is on its way, so the rest may come at any moment.
            length = FIRST_PAUSE_SECONDS
        # The last look begins when the time is over, not before.
        wait = 0.0 if over else min(length * random.uniform(1 - JITTER, 1 + JITTER), policy.timeout - spent)
        found = Round(number, spent, seen, over, wait)
        told(found)
        if over:
            break
        if pause(wait):
            return found
        length = min(length * PAUSE_GROWTH, MAX_PAUSE_SECONDS)
    if policy.settle and set(found.states.values()) == {State.VISIBLE}:
        pause(policy.settle)
    return found


def _there(seen: Mapping[str, Sequence[Observation]]) -> set[tuple[str, str]]:
    """Place and address, wherever what is wanted was seen."""
    rows = ((place, one) for place, observations in seen.items() for one in observations)
    return {(place, one.address) for place, one in rows if one.outcome is Outcome.MATCH}


def _sleep(seconds: float) -> bool:
    deferral.raise_pending()
    time.sleep(seconds)
    return False


def _until(start: float, number: int, policy: Policy) -> float:
    now = time.monotonic()
    limit = min(now + LOOK_SECONDS, max(start + policy.timeout, now + LAST_LOOK))
    if policy.mode == verdict.STRICT or number > SILENT_ROUNDS:
        return limit
    # Two looks and the pause between them fit into the limit.
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
    """Whether another look could change nothing that matters.

    :param last: what the look before has seen, nothing at the first one. :param spent: seconds since the watch began.
    """
    for place, observations in seen.items():
        if verdict.state(observations) is State.VISIBLE:
            continue
        if policy.mode != verdict.STRICT:
            settled = _nobody(observations) or (number >= SILENT_ROUNDS and not verdict.answered(observations))
        else:
            # Addresses without a route stay so; a resolver that knows nothing may only just have been started.
            known = all(one.address for one in observations) or spent >= SILENT_SECONDS
            settled = place in last and _nobody(last[place]) and _nobody(observations) and known
            settled = settled and policy.timeout < math.inf
        if not settled:
            return False
    return True


def _nobody(observations: Sequence[Observation]) -> bool:
    """Who cannot even be asked from here will not be a moment later."""
    return not verdict.said(observations)
