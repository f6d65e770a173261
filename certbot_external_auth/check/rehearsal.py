"""The rehearsal itself: one step after the other, and nothing left behind."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence

from certbot_external_auth import preflight
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import HandlerBackend
from certbot_external_auth.challenges import Challenge, dns01
from certbot_external_auth.check import advice, made_up, steps
from certbot_external_auth.check.looking import Sight, Wish, look
from certbot_external_auth.check.report import Report, Summary
from certbot_external_auth.check.results import Level, Result, level
from certbot_external_auth.check.setting import Setting
from certbot_external_auth.check.steps import Step
from certbot_external_auth.dialects import recognise
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.interruption import Interrupted
from certbot_external_auth.program import Ended
from certbot_external_auth.served_certificates import ServedCertificates
from certbot_external_auth.verification import EXPLAIN_LIMIT, Verification
from certbot_external_auth.visibility import expectations
from certbot_external_auth.visibility.report import wildcard

OUTPUT_LINES = 10
LAST_LOOK = 5.0
"""Seconds in which what was withdrawn at the end must be gone at the latest."""


class Rehearsal:
    """:param setting: what is tried. :param report: told of every step."""

    def __init__(self, setting: Setting, report: Report) -> None:
        self._setting = setting
        self._report = report
        self._verification = _verification(setting.context)
        self._observer = self._verification.observer
        self._chain = setting.context.settings.hook_chain
        self._backends = {self._chain: HandlerBackend(setting.context)}
        self._served = ServedCertificates(
            setting.context.facts.work_dir, setting.context.tls_port, setting.context.settings.dialect == "dehydrated"
        )
        kind, identifier = setting.challenge_type, setting.identifier
        self._made = {
            name: made_up.challenge(name, kind, identifier, setting.identifier_type, dashed)
            for name, dashed in steps.VALUES.items()
        }
        self._published: list[str] = []
        self._results: list[Result] = []
        self._stand: set[str] = set()
        self._trial = steps.trial(setting.context.settings.dialect)
        self._heard = _Heard()

    def run(self) -> Summary:
        """All steps, then the end; the signal of an interruption is in the summary.

        :raises UsageError: if something stands already where something would be published.
        """
        interrupted = None
        with self._heard.listening():
            try:
                self._all_steps()
            except Interrupted as signal:
                interrupted = signal
            finally:
                # Also after what nobody expected.
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
        """A second value did not stand beside the first."""
        tried = any(one.key == "second" and one.level is not Level.SKIPPED for one in self._results)
        return tried and "second" not in self._stand

    def _examine(self) -> bool:
        backend = self._backend(self._chain)
        findings = backend.examine()
        found = Level.FAILED if findings.problems else Level.WARNING if findings.warnings else Level.PASSED
        told = " ".join([*findings.problems, *findings.warnings])
        expected = "it can be started, and nobody else may change it"
        self._tell(Result(steps.STATIC, "look at the handler", found, expected, told))
        if findings.problems:
            return False
        backend.prepare(publishing=True, deploying=False)
        return True

    def _look_before(self) -> bool:
        """Nothing is published at a name that exists.

        :raises UsageError: if it does.
        """
        if self._setting.challenge_type != dns01.TYPE:
            return True
        sight = look(self._observer, Wish(absent=tuple(self._made.values())), self._setting.patience)
        there = sorted({value for one in sight.observations for value in one.seen})
        if there:
            place = next((one.asked for one in sight.observations if one.asked), self._setting.place)
            raise UsageError(
                [
                    f"{place} has TXT records already ({', '.join(there)[:300]}), and a rehearsal "
                    "touches no name that exists; remove them if nobody needs them, or name another with --domain.",
                    *self._wildcard(sight),
                ]
            )
        told = advice.seen([], sight)
        change = "" if sight.answered else advice.unanswered(self._made[steps.FIRST])
        found = Level.PASSED if sight.answered else Level.FAILED
        expected = "nothing stands there"
        self._tell(Result(steps.BEFORE, "look at the name", found, expected, told, change, (), sight.observations))
        return sight.answered

    def _wildcard(self, sight: Sight) -> list[str]:
        wanted = expectations(tuple(self._made.values()))
        return wildcard(self._observer.explain(wanted, sight.observations, time.monotonic() + EXPLAIN_LIMIT))

    def _take(self, step: Step) -> None:
        if not self._stand.issuperset(step.needs):
            return self._tell(Result(step.key, step.title, Level.SKIPPED, step.expected))
        begun = time.monotonic()
        self._heard.lines.clear()
        failures = self._publish(step) if step.publish else self._withdraw(step)
        sight = None
        if not (step.publish and failures):
            sight = self._explained(step, look(self._observer, self._wish(step), self._setting.patience))
        trial = step.key == "second" and bool(self._trial)
        if level(step, failures, sight, trial=False) is not Level.FAILED:
            self._stand.add(step.key)
        if not step.publish:
            self._settle(step, sight)
        return self._tell(self._result(step, failures, sight, trial, time.monotonic() - begun))

    def _wish(self, step: Step) -> Wish:
        return Wish(*(tuple(self._made[name] for name in names) for names in (step.present, step.absent)))

    def _explained(self, step: Step, sight: Sight) -> Sight:
        """With the likely reasons, as a run tells them, where something published is missing."""
        if not step.publish or not sight.missing:
            return sight
        # If the earlier value is there, nothing was replaced, so the later one is asked about by itself.
        wanted = expectations(self._wish(step).present if sight.lost else sight.missing)
        verification = _verification(self._context(step.chained or self._chain))
        return dataclasses.replace(sight, reasons=tuple(verification.reasons(wanted, sight.observations)))

    def _publish(self, step: Step) -> Sequence[Failure]:
        made = self._served.make([self._made[name] for name in step.publish])
        backend = self._backend(step.chained or self._chain)
        if backend.told_aliases:
            made = self._verification.aliased(made)
            # It is told in the log, and not by the handler.
            self._heard.lines.clear()
        self._made.update((one.id, one) for one in made)
        try:
            backend.perform(made, self._begin)
        except PerformError as error:
            return error.failures
        return ()

    def _begin(self, challenges: Sequence[Challenge]) -> None:
        self._published += [one.id for one in challenges if one.id not in self._published]

    def _withdraw(self, step: Step) -> Sequence[Failure]:
        names = [name for name in step.withdraw if step.again or name in self._published]
        finished = [Finished(self._made[name], "valid") for name in names]
        failures = self._backend(step.chained or self._chain).cleanup(finished)
        self._served.remove()
        return failures

    def _settle(self, step: Step, sight: Sight | None) -> None:
        """What is certainly gone need not be withdrawn at the end."""
        if sight is not None and sight.answered:
            left = {one.id for one in sight.left}
            self._published = [one for one in self._published if one not in step.withdraw or one in left]

    def _result(
        self, step: Step, failures: Sequence[Failure], sight: Sight | None, trial: bool, seconds: float
    ) -> Result:
        found = level(step, failures, sight, trial)
        good = found is Level.PASSED
        made = self._made[(step.publish or step.withdraw)[-1]]
        dialect = self._setting.context.settings.dialect
        return Result(
            key=step.key,
            title=step.title,
            level=found,
            expected=step.expected,
            seen=advice.seen(failures, sight),
            change="" if good else advice.change(step, failures, sight, made, dialect, self._other_dialect(), trial),
            output=() if good else tuple(self._heard.lines),
            observations=sight.observations if sight is not None else (),
            seconds=seconds,
            reasons=sight.reasons if sight is not None and not good else (),
        )

    def _other_dialect(self) -> str | None:
        """The one the handler seems to be written for, told by its text, and by what it printed after the label."""
        context = self._setting.context
        printed = tuple(line.partition(": ")[2] for line in self._heard.lines)
        return recognise.likely(
            context.settings.dialect, Ended(code=0, tail=printed), preflight.handler_text(context.words)
        )

    def _backend(self, chained: bool) -> HandlerBackend:
        if chained not in self._backends:
            self._backends[chained] = HandlerBackend(self._context(chained))
            self._backends[chained].prepare(publishing=True, deploying=False)
        return self._backends[chained]

    def _context(self, chained: bool) -> Context:
        context = self._setting.context
        return dataclasses.replace(
            context,
            settings=dataclasses.replace(context.settings, hook_chain=chained),
            facts=dataclasses.replace(context.facts, chain=chained),
        )

    def _tell(self, result: Result) -> None:
        self._results.append(result)
        self._report.step(result)

    # --- the end ---

    def _tidy(self, interrupted: Interrupted | None) -> tuple[str, ...]:
        """Withdraw what is still published; the result is what may be left."""
        if not self._published or (interrupted is not None and interrupted.at_once):
            return self._left(self._published)
        cause = f"{interrupted}: withdrawing" if interrupted is not None else "Withdrawing"
        self._report.note(f"{cause} what was published …")
        made = [self._made[name] for name in self._published]
        try:
            self._backend(self._chain).cleanup([Finished(one, "not_asked") for one in made])
            sight = look(self._observer, Wish(absent=tuple(made)), min(LAST_LOOK, self._setting.patience))
        except Interrupted:
            return self._left(self._published)
        return self._left([one.id for one in sight.left] if sight.answered else self._published)

    def _left(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(_described(self._made[name]) for name in names)


def _verification(context: Context) -> Verification:
    return Verification(context, None, lambda line: None)


def _described(made: Challenge) -> str:
    if made.type == dns01.TYPE:
        return f'{advice.txt_name(made)} TXT "{made.validation}"'
    return made.uri or f"the certificate for {made.server_name}"


class _Heard(logging.Handler):
    """What the handler printed last."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=OUTPUT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        ours = logging.getLogger("certbot_external_auth")
        before = ours.level
        ours.addHandler(self)
        ours.setLevel(logging.INFO)
        try:
            yield
        finally:
            ours.setLevel(before)
            ours.removeHandler(self)
