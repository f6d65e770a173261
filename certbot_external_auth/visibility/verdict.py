"""The rule: what the observations of a round mean. Pure functions; nothing here looks, waits or prints."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from certbot_external_auth.visibility import Expectation, Observation, Says

STRICT = "strict"


class State(enum.Enum):
    """Where an expectation stands; the values stand in JSON lines."""

    VISIBLE = "visible"
    """Every address that was asked shows it."""
    WAITING = "waiting"
    """Somebody answered, and there is still time."""
    NOT_VISIBLE = "not_visible"
    """Time is over, and somebody says that it is not there."""
    UNKNOWN = "unknown"
    """Nobody answered; or, when time is over, some show it and the rest do not say."""


class Decision(enum.IntEnum):
    """What becomes of the run when the watch is over; of a batch the greatest counts."""

    GO_ON = 0
    WARN = 1
    FAIL = 2


def said(observations: Sequence[Observation]) -> set[Says]:
    """What was said by those who could be asked."""
    return {one.outcome.says for one in observations} - {Says.NOTHING}


def answered(observations: Sequence[Observation]) -> bool:
    """Whether anybody said yes or no."""
    return not said(observations).isdisjoint((Says.YES, Says.NO))


def state(observations: Sequence[Observation], over: bool = False) -> State:
    """The state of one expectation.

    :param observations: of one round, all for that expectation.
    :param over: there will be no other round.
    """
    found = said(observations)
    if found == {Says.YES}:
        return State.VISIBLE
    if not answered(observations):
        return State.UNKNOWN
    if not over:
        return State.WAITING
    return State.NOT_VISIBLE if Says.NO in found else State.UNKNOWN


def decision(observations: Sequence[Observation], policy: str) -> Decision:
    """What follows for one expectation when its time is over.

    :param policy: ``auto`` or ``strict``.
    """
    found = said(observations)
    if found == {Says.YES}:
        return Decision.GO_ON
    return Decision.FAIL if Says.NO in found or policy == STRICT else Decision.WARN


def by_place(expectations: Sequence[Expectation], observations: Sequence[Observation]) -> dict[str, list[Observation]]:
    """Every expectation's place with what was seen of it, also where nothing was."""
    found: dict[str, list[Observation]] = {one.place: [] for one in expectations}
    for observation in observations:
        found[observation.place].append(observation)
    return found


def states(seen: Mapping[str, Sequence[Observation]], over: bool = False) -> dict[str, State]:
    """`state` for each place."""
    return {place: state(observations, over) for place, observations in seen.items()}
