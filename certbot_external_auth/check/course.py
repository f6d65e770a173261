"""What a trial has found so far, and what follows for its next steps. No handler is called and no server asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from certbot_external_auth.challenges import TXT_TYPES, Challenge
from certbot_external_auth.check import occupied, steps
from certbot_external_auth.check.advice import Kind
from certbot_external_auth.check.command_line import Setting
from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.results import Level, Result, Works, level, works
from certbot_external_auth.check.steps import Step
from certbot_external_auth.errors import Failure


class Course:
    """The course of one trial.

    :ivar stood: keys of the steps that did what they should.
    :ivar before: values that were at the name before the first call.
    :ivar placeholders: values that the handler has left in place of those that it removed.
    """

    def __init__(self, setting: Setting) -> None:
        self.stood: set[str] = set()
        self.before: frozenset[str] = frozenset()
        self.placeholders: tuple[str, ...] = ()
        self._dns = setting.challenge_type in TXT_TYPES
        self._both = setting.both
        self._stayed: tuple[Challenge, ...] = ()
        self._trial = steps.trial(setting.context.settings.dialect)

    def tried_further_on(self, step: Step) -> bool:
        """Tell whether another way to do the same is tried if a step fails."""
        return step.key == "second" and bool(self._trial)

    def further(self, results: Sequence[Result]) -> tuple[Step, ...]:
        """Return the steps after `withdraw` that only some handlers need."""
        second = any(result.key == "second" and result.level is not Level.SKIPPED for result in results)
        replaced = second and "second" not in self.stood
        return (*((steps.STAYS,) if self._stayed else ()), *(self._trial if replaced else ()))

    def judged(self, step: Step, sight: Sight, ours: Collection[Challenge]) -> Sight:
        """Note what stays after everything was removed, and see whether the next value takes the place of some.

        :param ours: all challenges of the trial.
        """
        seen = set(occupied.values(sight.observations))
        if step.key == "withdraw" and self._dns:
            self._stayed = sight.left
            self.placeholders = tuple(sorted(seen - {challenge.validation for challenge in ours} - self.before))
        if step is steps.STAYS and all(challenge.validation in seen for challenge in self._stayed):
            return replace(sight, left=self._stayed)
        return sight

    def note(self, step: Step, failures: Sequence[Failure], sight: Sight | None) -> None:
        """Note whether a step did what it should."""
        if level(step, failures, sight) is not Level.FAILED:
            self.stood.add(step.key)

    def level(self, step: Step, failures: Sequence[Failure], sight: Sight | None) -> Level:
        """Judge a step, as far as it matters for the certificate that is wanted."""
        return level(step, failures, sight, self._excused(step))

    def _excused(self, step: Step) -> bool:
        if step.key in steps.TWO_VALUES:
            return self.tried_further_on(step) or not self._both
        return self.leaves(step) is not Kind.LEAVES

    def leaves(self, step: Step) -> Kind:
        """Return what it means if a value stays that the step removed."""
        if step.publish or not self._dns:
            return Kind.LEAVES
        if step.key in steps.DECIDED_LATER:
            return Kind.NOT_REMOVED
        return Kind.MAKES_ROOM if steps.STAYS.key in self.stood else Kind.LEAVES

    def works(self, results: Sequence[Result]) -> Works:
        """Return what works; nothing is known for other types than those of TXT records."""
        return works(results, self.stood, bool(self.placeholders)) if self._dns else Works()
