"""The trial itself: takes one step after the other, and removes everything it published."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from certbot_external_auth.backends import Context, Finished, surroundings
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.challenges import TXT_TYPES, Challenge
from certbot_external_auth.check import made_up, occupied, steps
from certbot_external_auth.check.advice import Advice, Attempt, Kind, advise
from certbot_external_auth.check.command_line import Setting
from certbot_external_auth.check.course import Course
from certbot_external_auth.check.handler_output import HandlerOutput
from certbot_external_auth.check.looking import Sight, Wish, look
from certbot_external_auth.check.patience import Waiting, Wanted, telling
from certbot_external_auth.check.report import Report
from certbot_external_auth.check.results import Level, Result, Summary
from certbot_external_auth.check.steps import Step
from certbot_external_auth.configuration import assembly
from certbot_external_auth.dialects import recognise
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.handler_setup import preflight
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.run import placing
from certbot_external_auth.run.verification import Verification
from certbot_external_auth.signals.interruption import Interrupted
from certbot_external_auth.validation_certificates.batch import ServedCertificates
from certbot_external_auth.visibility import expectations, explain, likely, report
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.watch import Round

LAST_LOOK_SECONDS = 5.0
"""At the end, the longest wait for removed values to disappear."""


class Trial:
    """One trial of a handler."""

    def __init__(self, setting: Setting, report: Report) -> None:
        """Prepare a trial.

        :param setting: what to try.
        :param report: takes the result of each step as it ends.
        """
        self._setting = setting
        self._report = report
        self._output = HandlerOutput()
        self._plain = dataclasses.replace(setting.context, hear=self._output.hear)
        self._progress = setting.context.progress
        self._dialect = setting.context.settings.dialect
        self._verification = _verification(self._plain)
        self._chain = setting.context.settings.hook_chain
        self._backends = {self._chain: HandlerBackend(self._plain)}
        self._served = ServedCertificates(
            setting.context.facts.work_dir, setting.context.tls_port, self._dialect == "dehydrated"
        )
        made = setting.challenge_type, setting.identifier, setting.identifier_type
        self._made = {
            name: made_up.challenge(name, *made, dashed, setting.account_label) for name, dashed in steps.VALUES.items()
        }
        self._published: list[str] = []
        self._results: list[Result] = []
        self._course = Course(setting)
        self._waiting: Waiting | None = None

    def run(self) -> Summary:
        """Take all steps, and remove what is still published.

        A signal ends the steps; the summary has its name.

        :raises UsageError: if the name has TXT records already.
        """
        interrupted, during = None, None
        with self._output.listening():
            try:
                self._all_steps()
            except Interrupted as signal:
                interrupted, during = signal, self._waiting
            finally:
                # After an unexpected exception, too.
                left = self._tidy(interrupted)
        self._served.remove()
        return Summary(
            tuple(self._results),
            left,
            None if interrupted is None else str(interrupted),
            self._course.works(self._results),
            self._course.placeholders,
            during,
        )

    # --- steps ---

    def _all_steps(self) -> None:
        if not self._examine() or not self._look_before():
            return
        for step in steps.plan(self._setting.challenge_type, self._chain):
            self._take(step)
            if step.key == "withdraw":
                for further in self._course.further(self._results):
                    self._take(further)

    def _examine(self) -> bool:
        """Examine the handler's files; return whether the handler may be called."""
        backend = self._backend(self._chain)
        findings = backend.examine()
        reached = Level.FAILED if findings.problems else Level.WARNING if findings.warnings else Level.PASSED
        self._tell(Result(steps.STATIC, reached, findings=(*findings.problems, *findings.warnings)))
        if findings.problems:
            return False
        backend.prepare(publishing=True, deploying=False)
        return True

    def _look_before(self) -> bool:
        """Check that the name has no TXT records; return whether a server answered.

        :raises UsageError: if it has some, since a trial must not touch a name in use.
        """
        if self._setting.challenge_type not in TXT_TYPES:
            return True
        sight = self._look(steps.BEFORE, Wish(absent=tuple(self._made.values())))
        values = occupied.values(sight.observations)
        self._course.before = frozenset(values)
        advice = () if sight.answered else (Advice(Kind.UNANSWERED, self._made[steps.FIRST], self._dialect),)
        if values:
            advice = (self._standing(sight, values),)
        reached = (Level.WARNING if values else Level.PASSED) if sight.answered else Level.FAILED
        self._tell(Result(steps.BEFORE, reached, sight=sight, advice=advice))
        return sight.answered

    def _standing(self, sight: Sight, values: Sequence[str]) -> Advice:
        """Say why the check goes on although the name has records.

        :raises UsageError: if it must not.
        """
        wildcard = self._wildcard(sight)
        placeholders = occupied.placeholders_only(sight.observations, bool(wildcard))
        if not placeholders and not self._setting.not_empty:
            raise UsageError([self._taken(sight, values), *wildcard])
        kind = Kind.PLACEHOLDER if placeholders else Kind.OCCUPIED
        return Advice(kind, self._made[steps.FIRST], self._dialect, _listed(sight, values))

    def _taken(self, sight: Sight, values: Sequence[str]) -> str:
        asked = (observation.asked for observation in sight.observations if observation.asked)
        return (
            f"{next(asked, self._setting.place)} has TXT records already "
            f"({_listed(sight, values)}), and the check touches only names without any. Remove them if they are not "
            "needed, or name another domain with --domain. If no order needs them, and they cannot be removed "
            "(acme-dns keeps the last two values), add --not-empty."
        )

    def _wildcard(self, sight: Sight) -> list[str]:
        wanted = expectations(tuple(self._made.values()))
        until = time.monotonic() + explain.LIMIT_SECONDS
        return likely.wildcard(self._verification.observer.explain(wanted, sight.observations, until))

    def _take(self, step: Step) -> None:
        if not self._course.stood.issuperset(step.needs):
            self._tell(Result(step.key, Level.SKIPPED))
            return
        start = time.monotonic()
        self._output.clear()
        failures = self._called(step)
        sight = None
        if not (step.publish and failures):
            last = self._look(step.key, self._wish(step))
            sight = self._explained(step, self._course.judged(step, last, self._made.values()))
        self._course.note(step, failures, sight)
        if not step.publish:
            self._settle(step, sight)
        self._tell(self._result(step, failures, sight, time.monotonic() - start))

    def _called(self, step: Step) -> tuple[Failure, ...]:
        waiting = self._waiting = Waiting(step.key, Wanted.HANDLER, self._plain.settings.timeout)
        with telling(lambda: self._wait(waiting)):
            return tuple(self._publish(step) if step.publish else self._withdraw(step))

    def _look(self, step: str, wish: Wish) -> Sight:
        policy = self._setting.policy
        waiting = self._waiting = Waiting(step, Wanted.SERVERS, policy.timeout)

        def told(found: Round) -> None:
            if found.number == 1 and not found.over:
                self._wait(waiting)

        self._progress.begin("Looking", len(wish.expectations))
        try:
            return look(self._verification.observer, wish, policy, told)
        finally:
            self._progress.end()

    def _wait(self, waiting: Waiting) -> None:
        with self._progress.aside():
            self._report.waiting(waiting)

    def _wish(self, step: Step) -> Wish:
        present, absent = (tuple(self._made[name] for name in names) for names in (step.present, step.absent))
        return Wish(present, absent)

    def _explained(self, step: Step, sight: Sight) -> Sight:
        """Add the likely reasons, as in a run, if a published value is missing."""
        if not step.publish or not sight.missing:
            return sight
        # If the earlier value is there, nothing was replaced. Then only the later one needs an explanation.
        wanted = expectations(self._wish(step).present if sight.lost else sight.missing)
        verification = _verification(self._context(step.chained or self._chain))
        return dataclasses.replace(sight, reasons=tuple(verification.reasons(wanted, sight.observations)))

    def _publish(self, step: Step) -> Sequence[Failure]:
        made = self._served.make([self._made[name] for name in step.publish])
        backend = self._backend(step.chained or self._chain)
        made = list(placing.placed(made, backend, self._verification))
        self._made.update((challenge.id, challenge) for challenge in made)
        try:
            backend.perform(made, self._begin)
        except PerformError as error:
            return error.failures
        return ()

    def _begin(self, challenges: Sequence[Challenge]) -> None:
        self._published += [challenge.id for challenge in challenges if challenge.id not in self._published]

    def _withdraw(self, step: Step) -> Sequence[Failure]:
        names = [name for name in step.withdraw if step.again or name in self._published]
        finished = [Finished(self._made[name], "valid") for name in names]
        failures = self._backend(step.chained or self._chain).cleanup(finished)
        self._served.remove()
        return failures

    def _settle(self, step: Step, sight: Sight | None) -> None:
        """Forget the values that are certainly gone, so that the end does not remove them again."""
        if sight is not None and sight.answered:
            left = {challenge.id for challenge in sight.left}
            self._published = [name for name in self._published if name not in step.withdraw or name in left]

    def _result(self, step: Step, failures: tuple[Failure, ...], sight: Sight | None, seconds: float) -> Result:
        reached = self._course.level(step, failures, sight)
        result = Result(step.key, reached, failures=failures, sight=sight, seconds=seconds)
        if reached is Level.PASSED:
            return result
        challenge = self._made[(step.publish or step.withdraw)[-1]]
        script = preflight.handler_text(self._plain.words)
        other, asks = self._other_dialect(script), recognise.asks_a_person(self._dialect, script)
        leaves, trial = self._course.leaves(step), self._course.tried_further_on(step)
        absent = recognise.only_at_perform(script) if self._dialect == "native" else ()
        attempt = Attempt(step, failures, sight, challenge, self._dialect, other, asks, leaves, trial, absent)
        return dataclasses.replace(result, advice=advise(attempt), output=self._output.shown())

    def _other_dialect(self, script: str) -> str | None:
        """Return the dialect for which the handler seems to be written, judged by its text and its output."""
        return recognise.likely(self._dialect, Ended(code=0, tail=self._output.printed()), script)

    def _backend(self, chained: bool) -> HandlerBackend:
        if chained not in self._backends:
            self._backends[chained] = HandlerBackend(self._context(chained))
            self._backends[chained].prepare(publishing=True, deploying=False)
        return self._backends[chained]

    def _context(self, chained: bool) -> Context:
        settings = dataclasses.replace(self._plain.settings, hook_chain=chained)
        return dataclasses.replace(self._plain, settings=settings, facts=assembly.facts_of(self._plain.facts, settings))

    def _tell(self, result: Result) -> None:
        self._results.append(result)
        self._report.step(result)

    # --- the end ---

    def _tidy(self, interrupted: Interrupted | None) -> tuple[Challenge, ...]:
        """Remove what is still published; return the challenges that may be left."""
        made = tuple(self._made[name] for name in self._published)
        if not made or (interrupted is not None and interrupted.at_once):
            return made
        self._report.cleaning(None if interrupted is None else str(interrupted))
        waiting = Waiting("withdraw", Wanted.HANDLER, self._plain.settings.timeout)
        try:
            with telling(lambda: self._report.waiting(waiting)):
                self._backend(self._chain).cleanup([Finished(challenge, "not_asked") for challenge in made])
            policy = self._setting.policy
            last = dataclasses.replace(policy, timeout=min(LAST_LOOK_SECONDS, policy.timeout))
            sight = look(self._verification.observer, Wish(absent=made), last)
        except Interrupted:
            return made
        return sight.left if sight.answered else made


def _listed(sight: Sight, values: Sequence[str]) -> str:
    return report.listed(values, max(observation.more for observation in sight.observations))


def _verification(context: Context) -> Verification:
    found = Verification(context, None, lambda line: None)
    # What a resolver remembers is not what the handler did.
    found.observer = Observer(dataclasses.replace(surroundings(context), caches=False))
    return found
