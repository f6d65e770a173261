"""Looking for what must be there and for what must be gone, with the same eyes as a run of Certbot."""

from __future__ import annotations

from collections.abc import Sequence
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
from certbot_external_auth.visibility.verdict import Decision

AUTO = "auto"
_OTHERWISE = {"dns": Outcome.OTHER_VALUES, "http": Outcome.WRONG_CONTENT, "tls": Outcome.WRONG_CERTIFICATE}
"""What something is where something else is wished for."""


@dataclass(frozen=True)
class Wish:
    """:ivar present: what must be visible. :ivar absent: what must not be."""

    present: tuple[Challenge, ...] = ()
    absent: tuple[Challenge, ...] = ()

    @property
    def expectations(self) -> list[Expectation]:
        """What is looked for: what must be there, or if that is nothing, what must not."""
        return expectations(self.present or self.absent)

    def left(self, one: Observation) -> list[Challenge]:
        """What can be seen and must not be."""
        if not self.present and one.outcome is Outcome.MATCH:
            return list(self.absent)
        return [challenge for challenge in self.absent if challenge.validation in one.seen]

    def missing(self, one: Observation) -> list[Challenge]:
        """What cannot be seen and must be."""
        if one.outcome.says is not Says.NO:
            return []
        return [challenge for challenge in self.present if challenge.validation not in one.seen]

    def shown(self, one: Observation) -> Observation:
        """The observation as people are told of it: what must not be there is no match."""
        return replace(one, outcome=_OTHERWISE[KINDS[self.absent[0].type]]) if self.left(one) else one

    def turned(self, one: Observation) -> Observation:
        """The observation as the rule for what must be visible takes it: a match is what is wished for."""
        if self.left(one):
            return self.shown(one)
        if self.present:
            return one
        # A server that listens for challenges only is gone with them.
        shut = one.outcome is Outcome.CONNECTION_REFUSED and self.absent[0].txt_domain is None
        return replace(one, outcome=Outcome.MATCH) if shut or one.outcome.says is Says.NO else one


@dataclass(frozen=True)
class Sight:
    """What was seen of a wish in the last look.

    :ivar decision: of the rule `auto`. :ivar answered: somebody said something.
    :ivar missing, left: see `Wish`, at any address. :ivar shown: the observations for people.
    :ivar reasons: what most likely is wrong, if that was asked for.
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
        """Missing is not only what came as the second one to a name."""
        return any(one.id != SECOND for one in self.missing)


def look(observer: watch.Observer, wish: Wish, timeout: float) -> Sight:
    """Look until it is as wished, nobody answers, or the time is over.

    :param timeout: seconds.
    """
    turning = watch.Turning(observer, wish.turned)
    found = watch.watch(turning, wish.expectations, watch.Policy(AUTO, timeout))
    return Sight(
        decision=found.decision(AUTO),
        answered=all(verdict.answered(seen) for seen in found.seen.values()),
        observations=tuple(turning.last),
        missing=_named([wish.missing(one) for one in turning.last]),
        left=_named([wish.left(one) for one in turning.last]),
        shown=tuple(map(wish.shown, turning.last)),
    )


def _named(found: Sequence[Sequence[Challenge]]) -> tuple[Challenge, ...]:
    return tuple(dict.fromkeys(challenge for challenges in found for challenge in challenges))
