"""What a step came to, as data. Pure functions."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check.advice import Advice
from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.steps import Step
from certbot_external_auth.errors import Failure
from certbot_external_auth.visibility.verdict import Decision


class Level(enum.Enum):
    """How a step ended. The values stand in JSON lines."""

    PASSED = "passed"
    WARNING = "warning"
    """The handler has a fault, and a run would still get its certificate."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not tried: after an earlier failure the outcome would mean nothing."""


@dataclass(frozen=True)
class Result:
    """How one step ended, and what was seen.

    :ivar key: of the step; `steps` has all keys.
    :ivar findings: sentences about the handler's files, from the examination before the first call.
    :ivar failures: of the handler's calls.
    :ivar sight: the last check of what is visible, None if there was none.
    :ivar advice: what to change, empty if the step passed.
    :ivar output: the handler's last lines, empty if the step passed.
    :ivar seconds: how long the step took.
    """

    key: str
    level: Level
    findings: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    sight: Sight | None = None
    advice: tuple[Advice, ...] = ()
    output: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Summary:
    """What the whole rehearsal came to.

    :ivar left: challenges that may still be published.
    :ivar interrupted: name of the signal that ended the rehearsal, None if none did.
    """

    results: tuple[Result, ...]
    left: tuple[Challenge, ...] = ()
    interrupted: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the handler can be used: no step failed, nothing is left, no signal came."""
        return passed(self.results) and not self.left and self.interrupted is None

    def count(self, wanted: Level) -> int:
        """Return how many steps ended at a level."""
        return sum(result.level is wanted for result in self.results)


def level(step: Step, failures: Sequence[Failure], sight: Sight | None, trial: bool) -> Level:
    """Judge a step.

    A fault that keeps certificates from being issued, or leaves more behind with each of them, is a failure. Every
    other fault is a warning.

    :param failures: of the handler's calls.
    :param sight: None if the calls failed, since a run would not check what is visible after that.
    :param trial: if this step fails, another way to publish is tried, and the outcome of that decides.
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
    """Tell whether no step failed, and any was tried."""
    # A skipped step comes after a failure, or after a step that another one made up for.
    return bool(results) and all(result.level is not Level.FAILED for result in results)
