"""Checks what is visible and what is gone, in the same way as a run of Certbot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check.steps import SECOND
from certbot_external_auth.visibility import (
    KINDS,
    Expectation,
    Observation,
    Outcome,
    Says,
    expectations,
    verdict,
    watch,
)
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.verdict import Decision

_OTHERWISE = {"dns": Outcome.OTHER_VALUES, "http": Outcome.WRONG_CONTENT, "tls": Outcome.WRONG_CERTIFICATE}
"""By probe: the outcome of a server that still shows what must be gone."""


@dataclass(frozen=True)
class Wish:
    """What the servers should show after a step.

    :ivar present: challenges that must be visible.
    :ivar absent: challenges that must not be visible.
    """

    present: tuple[Challenge, ...] = ()
    absent: tuple[Challenge, ...] = ()

    @property
    def expectations(self) -> list[Expectation]:
        """What to ask the servers about: what must be visible or, if that is nothing, what must not."""
        return expectations(self.present or self.absent)

    def left(self, observation: Observation) -> list[Challenge]:
        """Return the challenges that this server shows and must not show."""
        if not self.present and observation.outcome is Outcome.MATCH:
            return list(self.absent)
        return [challenge for challenge in self.absent if challenge.validation in observation.seen]

    def missing(self, observation: Observation) -> list[Challenge]:
        """Return the challenges that this server must show and does not show."""
        if observation.outcome.says is not Says.NO:
            return []
        return [challenge for challenge in self.present if challenge.validation not in observation.seen]

    def shown(self, observation: Observation) -> Observation:
        """Return the observation for a person, who is not told of a match where something should be gone."""
        if not self.left(observation):
            return observation
        return replace(observation, outcome=_OTHERWISE[KINDS[self.absent[0].type]])

    def turned(self, observation: Observation) -> Observation:
        """Return the observation for the rule of `verdict`, to which a match means that all is as it should be."""
        if self.left(observation):
            return self.shown(observation)
        if self.present:
            return observation
        # A server that runs only for its challenge stops with it.
        stopped = observation.outcome is Outcome.CONNECTION_REFUSED and self.absent[0].txt_domain is None
        gone = stopped or observation.outcome.says is Says.NO
        return replace(observation, outcome=Outcome.MATCH) if gone else observation


@dataclass(frozen=True)
class Sight:
    """What the last check of a wish saw.

    :ivar decision: by the rule that the look was given.
    :ivar answered: at least one server said yes or no about each place.
    :ivar observations: as the servers answered.
    :ivar missing: see `Wish.missing`, at any address.
    :ivar left: see `Wish.left`, at any address.
    :ivar shown: the observations for a person.
    :ivar reasons: sentences about the likely cause, empty unless the trial asked for it.
    """

    decision: Decision
    answered: bool
    observations: tuple[Observation, ...] = ()
    missing: tuple[Challenge, ...] = ()
    left: tuple[Challenge, ...] = ()
    shown: tuple[Observation, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def lost(self) -> bool:
        """Whether the first value at a name is missing, and not only the second one."""
        return any(challenge.id != SECOND for challenge in self.missing)


def look(
    observer: Observer, wish: Wish, policy: watch.Policy, told: Callable[[watch.Round], None] = lambda _: None
) -> Sight:
    """Ask the servers until all is as wished, none of them answers, or the time is over.

    :param told: called after each look.
    """
    last: list[Observation] = []

    def look_turned(expectations: Sequence[Expectation], until: float) -> list[Observation]:
        last[:] = observer.look(expectations, until)
        return [wish.turned(observation) for observation in last]

    last_round = watch.watch(look_turned, wish.expectations, policy, told)
    return Sight(
        decision=last_round.decision(policy.mode),
        answered=all(verdict.answered(observations) for observations in last_round.seen.values()),
        observations=tuple(last),
        missing=_each_once(map(wish.missing, last)),
        left=_each_once(map(wish.left, last)),
        shown=tuple(map(wish.shown, last)),
    )


def _each_once(groups: Iterable[Sequence[Challenge]]) -> tuple[Challenge, ...]:
    return tuple(dict.fromkeys(challenge for challenges in groups for challenge in challenges))
