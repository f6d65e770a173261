"""The rule: what the observations of a round mean. Pure functions."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from certbot_external_auth.visibility import Expectation, Observation, Says

STRICT = "strict"


class State(enum.Enum):
    """The state of an expectation. The values are part of the JSON lines."""

    VISIBLE = "visible"
    """Every address that could be asked shows it."""
    WAITING = "waiting"
    """At least one address said yes or no, and there is still time."""
    NOT_VISIBLE = "not_visible"
    """Time is over, and at least one address says that it is not there."""
    UNKNOWN = "unknown"
    """No address said yes or no. Or time is over: some addresses show it, and the others do not say."""


class Decision(enum.IntEnum):
    """What the run does when the watch is over. In a batch the greatest value counts."""

    GO_ON = 0
    WARN = 1
    FAIL = 2


def said(observations: Sequence[Observation]) -> set[Says]:
    """Return what the addresses said that could be asked."""
    return {observation.outcome.says for observation in observations} - {Says.NOTHING}


def answered(observations: Sequence[Observation]) -> bool:
    """Tell whether at least one address said yes or no."""
    return not said(observations).isdisjoint((Says.YES, Says.NO))


def state(observations: Sequence[Observation], over: bool = False) -> State:
    """Return the state of one expectation.

    :param observations: of one round, all for that expectation.
    :param over: this was the last round.
    """
    answers = said(observations)
    if answers == {Says.YES}:
        return State.VISIBLE
    if not answered(observations):
        return State.UNKNOWN
    if not over:
        return State.WAITING
    return State.NOT_VISIBLE if Says.NO in answers else State.UNKNOWN


def decision(observations: Sequence[Observation], policy: str) -> Decision:
    """Return what follows for one expectation when its time is over.

    :param policy: ``auto`` or ``strict``.
    """
    answers = said(observations)
    if answers == {Says.YES}:
        return Decision.GO_ON
    return Decision.FAIL if Says.NO in answers or policy == STRICT else Decision.WARN


def by_place(expectations: Sequence[Expectation], observations: Sequence[Observation]) -> dict[str, list[Observation]]:
    """Return the observations of each place; a place without any has an empty list."""
    seen: dict[str, list[Observation]] = {expectation.place: [] for expectation in expectations}
    for observation in observations:
        seen[observation.place].append(observation)
    return seen


def states(seen: Mapping[str, Sequence[Observation]], over: bool = False) -> dict[str, State]:
    """Return the state of each place; see `state`."""
    return {place: state(observations, over) for place, observations in seen.items()}
