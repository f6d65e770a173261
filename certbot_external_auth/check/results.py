"""What a step came to, as data. Pure functions."""

from __future__ import annotations

import enum
from collections.abc import Sequence, Set
from dataclasses import dataclass

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check.advice import Advice
from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.patience import Waiting
from certbot_external_auth.check.steps import BEFORE, TWO_VALUES, Step
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


class Both(enum.Enum):
    """Whether a name together with its wildcard works. The values stand in JSON lines."""

    YES = "yes"
    CHAIN = "chain"
    """Only in one call for both."""
    NO = "no"


class Stays(enum.Enum):
    """What is there after the handler has removed what it published. The values stand in JSON lines."""

    NOTHING = "nothing"
    PLACEHOLDER = "placeholder"
    MAKES_ROOM = "makes_room"
    """A fixed number of values: the next one takes the place of the oldest."""
    COLLECTS = "collects"
    """More with every certificate."""


@dataclass(frozen=True)
class Works:
    """What works with a handler for dns-01, and what does not; None where it was not tried.

    :ivar single: one name, or one wildcard.
    :ivar both: a name together with its wildcard, which need two values at one name (RFC 8555 section 8.4).
    :ivar stays: what is there after the end.
    """

    single: bool | None = None
    both: Both | None = None
    stays: Stays | None = None


def works(results: Sequence[Result], stood: Set[str], placeholder: bool) -> Works:
    """Return what works, by the steps of a trial for dns-01.

    :param stood: keys of the steps that did what they should.
    :param placeholder: the handler has left a text in place of what it removed.
    """
    # What no server has answered about is not known.
    seen = [result for result in results if result.sight is None or result.sight.answered]
    tried = {result.key for result in seen if result.level is not Level.SKIPPED}
    single = stood >= tried & {"publish", "dash"} if "publish" in tried else None
    return Works(single, _both(tried, stood), _stays(tried, stood, placeholder))


def _both(tried: Set[str], stood: Set[str]) -> Both | None:
    if not tried & set(TWO_VALUES):
        return None
    if stood & {"second", "together"}:
        return Both.YES
    if "chain" in stood:
        return Both.CHAIN if "second" in tried else Both.YES
    return Both.NO


def _stays(tried: Set[str], stood: Set[str], placeholder: bool) -> Stays | None:
    if "stays" in tried:
        return Stays.MAKES_ROOM if "stays" in stood else Stays.COLLECTS
    if "withdraw" not in tried:
        return None
    return Stays.PLACEHOLDER if placeholder else Stays.NOTHING


@dataclass(frozen=True)
class Summary:
    """What the whole trial came to.

    :ivar left: challenges that may still be published.
    :ivar interrupted: name of the signal that ended the trial, None if none did.
    :ivar works: what works and what does not; empty for other types than dns-01.
    :ivar placeholders: values that the handler has left in place of those that it removed.
    :ivar during: what the signal interrupted; None if it was nothing.
    """

    results: tuple[Result, ...]
    left: tuple[Challenge, ...] = ()
    interrupted: str | None = None
    works: Works = Works()
    placeholders: tuple[str, ...] = ()
    during: Waiting | None = None

    @property
    def ok(self) -> bool:
        """Whether the handler can be used: no step failed, nothing is left that matters, no signal came."""
        in_the_way = bool(self.left) and self.works.stays is not Stays.MAKES_ROOM
        return passed(self.results) and not in_the_way and self.interrupted is None

    @property
    def only_two_values_fail(self) -> bool:
        """Whether everything else than two values at one name works."""
        failed = {result.key for result in self.results if result.level is Level.FAILED}
        return bool(failed) and failed <= set(TWO_VALUES) and not self.left and self.interrupted is None

    @property
    def uncalled(self) -> bool:
        """Whether the handler was not called, because no server said that the name is free."""
        return any(result.key == BEFORE and result.level is Level.FAILED for result in self.results)

    def count(self, wanted: Level) -> int:
        """Return how many steps ended at a level."""
        return sum(result.level is wanted for result in self.results)


def level(step: Step, failures: Sequence[Failure], sight: Sight | None, excused: bool = False) -> Level:
    """Judge a step.

    A fault that keeps certificates from being issued, or leaves more behind with each of them, is a failure. Every
    other fault is a warning.

    :param failures: of the handler's calls.
    :param sight: None if the calls failed, since a run would not check what is visible after that.
    :param excused: if the step fails, that keeps no certificate that was asked for from being issued, and leaves
        nothing that matters; or a later step decides.
    """
    if step.publish:
        return _published(failures, sight, excused)
    if sight is None or (sight.left and not step.again and not excused):
        return Level.FAILED
    right = sight.decision is Decision.GO_ON and not failures
    return Level.PASSED if right else Level.WARNING


def _published(failures: Sequence[Failure], sight: Sight | None, excused: bool) -> Level:
    if failures or sight is None or not sight.answered or sight.decision is Decision.FAIL or sight.left:
        return Level.WARNING if excused else Level.FAILED
    return Level.PASSED if sight.decision is Decision.GO_ON else Level.WARNING


def passed(results: Sequence[Result]) -> bool:
    """Tell whether no step failed, and any was tried."""
    # A skipped step comes after a failure, or after a step that another one made up for.
    return bool(results) and all(result.level is not Level.FAILED for result in results)
