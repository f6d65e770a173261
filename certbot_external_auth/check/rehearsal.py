"""The rehearsal itself: takes one step after the other, and removes everything it published."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from certbot_external_auth.backends import Context, Finished, surroundings
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.challenges import Challenge, dns01
from certbot_external_auth.check import made_up, steps
from certbot_external_auth.check.advice import Advice, Attempt, Kind, advise
from certbot_external_auth.check.command_line import Setting
from certbot_external_auth.check.handler_output import HandlerOutput
from certbot_external_auth.check.looking import Sight, Wish, look
from certbot_external_auth.check.report import Report
from certbot_external_auth.check.results import Level, Result, Summary, level
from certbot_external_auth.check.steps import Step
from certbot_external_auth.configuration import assembly
from certbot_external_auth.dialects import recognise
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.handler_setup import preflight
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.run.verification import Verification
from certbot_external_auth.signals.interruption import Interrupted
from certbot_external_auth.validation_certificates.batch import ServedCertificates
from certbot_external_auth.visibility import expectations, explain, report
from certbot_external_auth.visibility.observer import Observer

LAST_LOOK_SECONDS = 5.0
"""At the end, the longest wait for removed values to disappear."""


class Rehearsal:
    """One rehearsal of a handler."""

    def __init__(self, setting: Setting, report: Report) -> None:
        """Prepare a rehearsal.

        :param setting: what to try.
        :param report: takes the result of each step as it ends.
        """
        self._setting = setting
        self._report = report
        self._output = HandlerOutput()
        self._plain = dataclasses.replace(setting.context, hear=self._output.hear)
        self._dialect = setting.context.settings.dialect
        self._verification = _verification(self._plain)
        self._chain = setting.context.settings.hook_chain
        self._backends = {self._chain: HandlerBackend(self._plain)}
        self._served = ServedCertificates(
            setting.context.facts.work_dir, setting.context.tls_port, self._dialect == "dehydrated"
        )
        kind, identifier = setting.challenge_type, setting.identifier
        self._made = {
            name: made_up.challenge(name, kind, identifier, setting.identifier_type, dashed)
            for name, dashed in steps.VALUES.items()
        }
        self._published: list[str] = []
        self._results: list[Result] = []
        self._stand: set[str] = set()
        self._trial = steps.trial(self._dialect)

    def run(self) -> Summary:
        """Take all steps, and remove what is still published.

        A signal ends the steps; the summary has its name.

        :raises UsageError: if the name has TXT records already.
        """
        interrupted = None
        with self._output.listening():
            try:
                self._all_steps()
            except Interrupted as signal:
                interrupted = signal
            finally:
                # After an unexpected exception, too.
                left = self._tidy(interrupted)
        self._served.remove()
        return Summary(tuple(self._results), left, None if interrupted is None else str(interrupted))

    # --- steps ---

    def _all_steps(self) -> None:
        if not self._examine() or not self._look_before():
            return
        for step in steps.plan(self._setting.challenge_type, self._chain):
            self._take(step)
            if step.key == "withdraw" and self._replaced:
                for further in self._trial:
                    self._take(further)

    @property
    def _replaced(self) -> bool:
        """Whether a second value was not visible beside the first."""
        tried = any(result.key == "second" and result.level is not Level.SKIPPED for result in self._results)
        return tried and "second" not in self._stand

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

        :raises UsageError: if it has some, since a rehearsal must not touch a name in use.
        """
        if self._setting.challenge_type != dns01.TYPE:
            return True
        sight = look(self._verification.observer, Wish(absent=tuple(self._made.values())), self._setting.patience)
        values = sorted({value for observation in sight.observations for value in observation.seen})
        if values:
            raise UsageError([self._taken(sight, values), *self._wildcard(sight)])
        advice = () if sight.answered else (Advice(Kind.UNANSWERED, self._made[steps.FIRST], self._dialect),)
        reached = Level.PASSED if sight.answered else Level.FAILED
        self._tell(Result(steps.BEFORE, reached, sight=sight, advice=advice))
        return sight.answered

    def _taken(self, sight: Sight, values: Sequence[str]) -> str:
        asked = (observation.asked for observation in sight.observations if observation.asked)
        more = max(observation.more for observation in sight.observations)
        return (
            f"{next(asked, self._setting.place)} has TXT records already ({report.listed(values, more)}), and the "
            "check touches only names without any. Remove them if they are not needed, or name another domain with "
            "--domain."
        )

    def _wildcard(self, sight: Sight) -> list[str]:
        wanted = expectations(tuple(self._made.values()))
        until = time.monotonic() + explain.LIMIT_SECONDS
        return report.wildcard(self._verification.observer.explain(wanted, sight.observations, until))

    def _take(self, step: Step) -> None:
        if not self._stand.issuperset(step.needs):
            self._tell(Result(step.key, Level.SKIPPED))
            return
        start = time.monotonic()
        self._output.clear()
        failures = tuple(self._publish(step) if step.publish else self._withdraw(step))
        sight = None
        if not (step.publish and failures):
            last = look(self._verification.observer, self._wish(step), self._setting.patience)
            sight = self._explained(step, last)
        if level(step, failures, sight, trial=False) is not Level.FAILED:
            self._stand.add(step.key)
        if not step.publish:
            self._settle(step, sight)
        self._tell(self._result(step, failures, sight, time.monotonic() - start))

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
        if backend.told_aliases:
            made = self._verification.aliased(made)
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
        trial = step.key == "second" and bool(self._trial)
        reached = level(step, failures, sight, trial)
        result = Result(step.key, reached, failures=failures, sight=sight, seconds=seconds)
        if reached is Level.PASSED:
            return result
        challenge = self._made[(step.publish or step.withdraw)[-1]]
        attempt = Attempt(step, failures, sight, challenge, self._dialect, self._other_dialect(), trial)
        return dataclasses.replace(result, advice=advise(attempt), output=self._output.shown())

    def _other_dialect(self) -> str | None:
        """Return the dialect for which the handler seems to be written, judged by its text and its output."""
        ended = Ended(code=0, tail=self._output.printed())
        return recognise.likely(self._dialect, ended, preflight.handler_text(self._plain.words))

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
        try:
            self._backend(self._chain).cleanup([Finished(challenge, "not_asked") for challenge in made])
            timeout = min(LAST_LOOK_SECONDS, self._setting.patience)
            sight = look(self._verification.observer, Wish(absent=made), timeout)
        except Interrupted:
            return made
        return sight.left if sight.answered else made


def _verification(context: Context) -> Verification:
    found = Verification(context, None, lambda line: None)
    # What a resolver remembers is not what the handler did.
    found.observer = Observer(dataclasses.replace(surroundings(context), caches=False))
    return found
