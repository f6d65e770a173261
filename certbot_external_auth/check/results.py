"""What a step comes to. Pure functions."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.steps import Step
from certbot_external_auth.errors import Failure
from certbot_external_auth.visibility import Observation
from certbot_external_auth.visibility.verdict import Decision


class Level(enum.Enum):
    """How a step ended; the values stand in JSON lines."""

    PASSED = "passed"
    WARNING = "warning"
    """Certificates can be had nevertheless."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It would have told nothing after what failed before."""


@dataclass(frozen=True)
class Result:
    """One line of the report.

    :ivar key, title, expected: of the step. :ivar seen: in words. :ivar change: what to change, or empty.
    :ivar output: the handler's last lines. :ivar observations: of the last look. :ivar seconds: how long it took.
    :ivar reasons: what most likely is wrong, in sentences.
    """

    key: str
    title: str
    level: Level
    expected: str
    seen: str = ""
    change: str = ""
    output: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()


def level(step: Step, failures: Sequence[Failure], sight: Sight | None, trial: bool) -> Level:
    """How a step ended.

    What keeps a certificate from being issued, and what stays published, is a failure; the rest is a warning.

    :param failures: of the handler's calls.
    :param sight: None where there was no look, since a run would end before.
    :param trial: if this step fails, another way is tried, and what comes out of that decides.
    """
    if step.publish:
        return _published(failures, sight, trial)
    if sight is None or (sight.left and not step.again):
        return Level.FAILED
    right = sight.decision is Decision.GO_ON and not failures
    return Level.PASSED if right else Level.WARNING


def _published(failures: Sequence[Failure], sight: Sight | None, trial: bool) -> Level:
    if failures or sight is None or not sight.answered or sight.decision is Decision.FAIL:
        return Level.WARNING if trial else Level.FAILED
    return Level.PASSED if sight.decision is Decision.GO_ON else Level.WARNING


def passed(results: Sequence[Result]) -> bool:
    """Whether all that matters passed."""
    # What was not tried stands after a failure, or after what another step made up for.
    return bool(results) and all(one.level is not Level.FAILED for one in results)
