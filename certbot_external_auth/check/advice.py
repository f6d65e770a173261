"""What to change so that a step passes, as data; `wording` has the sentences. Pure functions."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from certbot_external_auth.challenges import TXT_TYPES, Challenge
from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.steps import SECOND, Step
from certbot_external_auth.errors import Failure
from certbot_external_auth.settings import CHAINING_DIALECTS


class Kind(enum.Enum):
    """One thing to change, or to know for a change."""

    FIX = "fix"
    """A failed call came with its own fix."""
    SEE_OUTPUT = "see_output"
    OTHER_DIALECT = "other_dialect"
    ASKS_A_PERSON = "asks_a_person"
    DASH_IS_NO_OPTION = "dash_is_no_option"
    NOT_PUBLISHED = "not_published"
    """The handler reported success, and no server has the value."""
    UNANSWERED = "unanswered"
    PARTLY_ANSWERED = "partly_answered"
    TWO_VALUES_NEEDED = "two_values_needed"
    REPLACES = "replaces"
    IGNORES_CHAIN = "ignores_chain"
    DOES_NOT_ADD = "does_not_add"
    KEEP_BOTH = "keep_both"
    LEAVES = "leaves"
    NOT_REMOVED = "not_removed"
    """The value stays; whether that matters shows a later step."""
    MAKES_ROOM = "makes_room"
    """The value stays until the next one takes its place."""
    PLACEHOLDER = "placeholder"
    """Before the first call the name has a text that is no challenge's value."""
    OCCUPIED = "occupied"
    """Before the first call the name has values, and a flag says that nobody needs them."""
    NOT_SET_AT_CLEANUP = "not_set_at_cleanup"
    """The handler uses a variable that only perform has."""
    REMOVES_ALL = "removes_all"
    FAILS_WHEN_GONE = "fails_when_gone"
    FAILS_AFTER_WORK = "fails_after_work"
    """The handler removed the value and reported a failure."""
    TRY_CHAIN = "try_chain"
    TRY_TOGETHER = "try_together"


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    :ivar challenge: a challenge of the step that did not pass.
    :ivar dialect: in which the handler was called.
    :ivar detail: of `Kind.FIX` the sentence, of `Kind.OTHER_DIALECT` that dialect, of `Kind.PLACEHOLDER` and
        `Kind.OCCUPIED` the values, of `Kind.NOT_SET_AT_CLEANUP` the variable; otherwise empty.
    """

    kind: Kind
    challenge: Challenge
    dialect: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Attempt:
    """A step that was tried, and what came out.

    :ivar failures: of the handler's calls.
    :ivar sight: the last check of what is visible; None if the calls failed.
    :ivar challenge: the last one that the step published or removed.
    :ivar dialect: in which the handler was called.
    :ivar other_dialect: the one for which the handler seems to be written, None if that is unknown or the same.
    :ivar asks: the handler's script seems to ask a person.
    :ivar leaves: what it means if a value stays that the step removed.
    :ivar trial: if the step fails, another way to publish is tried further on.
    :ivar only_at_perform: variables in the handler's text that are not set at cleanup.
    """

    step: Step
    failures: tuple[Failure, ...]
    sight: Sight | None
    challenge: Challenge
    dialect: str
    other_dialect: str | None = None
    asks: bool = False
    leaves: Kind = Kind.LEAVES
    trial: bool = False
    only_at_perform: tuple[str, ...] = ()

    def advice(self, kind: Kind, detail: str = "") -> Advice:
        """Make a piece of advice about this attempt."""
        return Advice(kind, self.challenge, self.dialect, detail)


def advise(attempt: Attempt) -> tuple[Advice, ...]:
    """Say what to change so that a step passes that did not."""
    fixes = dict.fromkeys(failure.mend for failure in attempt.failures if failure.mend)
    advice = [attempt.advice(Kind.FIX, fix) for fix in fixes]
    if attempt.step.publish:
        advice += _unpublished(attempt)
    else:
        advice.append(attempt.advice(_unremoved(attempt)))
        if advice[-1].kind in (Kind.LEAVES, Kind.NOT_REMOVED) and not attempt.failures:
            advice += [attempt.advice(Kind.NOT_SET_AT_CLEANUP, name) for name in attempt.only_at_perform]
    if attempt.trial:
        chains = attempt.dialect in CHAINING_DIALECTS
        advice.append(attempt.advice(Kind.TRY_CHAIN if chains else Kind.TRY_TOGETHER))
    return tuple(advice)


def _unpublished(attempt: Attempt) -> list[Advice]:
    step, sight = attempt.step, attempt.sight
    if sight is None or attempt.failures:
        return [attempt.advice(kind) for kind in _after_failures(attempt)]
    if not sight.answered:
        return [attempt.advice(Kind.UNANSWERED)]
    if not sight.missing:
        return [attempt.advice(Kind.LEAVES if sight.left else Kind.PARTLY_ANSWERED)]
    if step.key == "dash":
        return [attempt.advice(Kind.DASH_IS_NO_OPTION)]
    if len(step.present) > 1:
        return [attempt.advice(kind) for kind in (*_of_two(step, sight), Kind.KEEP_BOTH)]
    if attempt.other_dialect is not None:
        return [attempt.advice(Kind.OTHER_DIALECT, attempt.other_dialect)]
    if attempt.asks:
        return [attempt.advice(Kind.ASKS_A_PERSON)]
    # A reason says what to do at another name, or with another value, than this advice would.
    record = attempt.challenge.type in TXT_TYPES
    return [] if sight.reasons and record else [attempt.advice(Kind.NOT_PUBLISHED)]


def _after_failures(attempt: Attempt) -> list[Kind]:
    if attempt.step.key == "dash":
        return [Kind.DASH_IS_NO_OPTION]
    if attempt.step.key == "second":
        return [Kind.TWO_VALUES_NEEDED]
    return [] if any(failure.mend for failure in attempt.failures) else [Kind.SEE_OUTPUT]


def _of_two(step: Step, sight: Sight) -> list[Kind]:
    """Say why one of two values is missing, unless the reasons say so already."""
    if sight.lost:
        replaced = all(challenge.id != SECOND for challenge in sight.missing)
        return [] if sight.reasons else [Kind.REPLACES if replaced else Kind.NOT_PUBLISHED]
    return [Kind.IGNORES_CHAIN if step.key == "chain" else Kind.DOES_NOT_ADD]


def _unremoved(attempt: Attempt) -> Kind:
    sight = attempt.sight
    if sight is not None and sight.left:
        return attempt.leaves
    if sight is not None and sight.missing:
        return Kind.REMOVES_ALL
    if attempt.failures:
        return Kind.FAILS_WHEN_GONE if attempt.step.again else Kind.FAILS_AFTER_WORK
    return Kind.PARTLY_ANSWERED
