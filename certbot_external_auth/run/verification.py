"""After publishing and before the CA is asked: waits until the CA can see the challenges, and reports the progress."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from certbot_external_auth.backends import Context, publisher, surroundings
from certbot_external_auth.backends.handler import mistakes
from certbot_external_auth.backends.printed import Printed, shown
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import recognise
from certbot_external_auth.errors import MissingDependencyError, NotVisibleError, Problem
from certbot_external_auth.handler_setup import preflight
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.run import aliases
from certbot_external_auth.settings import OFF
from certbot_external_auth.text import clean, counted, one_line
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Says, expectations, explain, report
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.verdict import Decision, State, said
from certbot_external_auth.visibility.watch import Policy, Round, watch

logger = logging.getLogger(__name__)

PrintedAbout = Callable[[Collection[str]], Sequence[Printed]]
"""Returns what calls printed that published challenges, by the ids of these."""


class Verification:
    """The check of one run that the CA will see the challenges.

    :param say: reports the progress to a person; None if no person reads it.
    :param inform: sends a JSON line.
    """

    def __init__(self, context: Context, say: Callable[[str], None] | None, inform: Callable[[Line], None]) -> None:
        self._settings = context.settings
        self._lineage = context.facts.alias
        self._subset = context.subset
        self._publisher = publisher(context)
        self._words = context.words
        self._tells = say or logger.info
        self._progress = context.progress
        self._inform = inform
        self._told: dict[str, tuple[State, list[tuple[str, str, Outcome]]]] = {}
        self._last = ""
        self.observer = Observer(surroundings(context))

    @property
    def policy(self) -> Policy:
        """When the check ends, according to the options."""
        settings = self._settings
        return Policy(settings.verify, settings.verify_timeout, settings.verify_settle)

    def prepare(self) -> None:
        """Check that the servers can be asked.

        :raises MissingDependencyError: if a library for that is missing.
        """
        if self._settings.verify != OFF:
            try:
                import dns.version  # noqa: F401
            except ImportError as error:
                raise MissingDependencyError("dnspython", error) from error

    def aliased(self, challenges: Sequence[Challenge]) -> list[Challenge]:
        """Return the batch, with the end of the alias for each TXT name that is an alias.

        Never fails, and takes at most `aliases.SECONDS`. The plugin does this even with verify off, because the backend
        must know where to publish.
        """
        unknown = (one for one in challenges if one.txt_target is None)
        names = list(dict.fromkeys(one.txt_domain for one in unknown if one.txt_domain is not None))
        if self._settings.historic or not names:
            return list(challenges)
        targets = aliases.ends(self.observer, names, self._settings.verify)
        return [_with_end(one, targets.get(one.txt_domain or "")) for one in challenges]

    def check(self, challenges: Sequence[Challenge], printed: PrintedAbout) -> None:
        """Wait until the CA may be asked.

        :param printed: returns what calls printed that published challenges, by their ids.
        :raises NotVisibleError: if the CA would not see the challenges.
        """
        if self._settings.verify == OFF or not challenges:
            return
        wanted = expectations(challenges)
        self._progress.begin("Looking", len(wanted))
        try:
            last = watch(self.observer.look, wanted, self.policy, lambda one: self._tell(wanted, one))
        finally:
            self._progress.end()
        for line in report.table(wanted, last.observations):
            logger.debug("%s", line)
        decision = last.decision(self._settings.verify)
        if decision is Decision.GO_ON:
            self._say_end(last)
            self._record(last)
        elif decision is Decision.WARN or self._some_may_be_left_out(last):
            logger.warning("%s", "\n".join(self._text(wanted, last, printed)))
        else:
            raise NotVisibleError(self._text(wanted, last, printed), self._problems(wanted, last))

    def _some_may_be_left_out(self, last: Round) -> bool:
        """Tell whether Certbot may go on with the visible names only (``--allow-subset-of-names``)."""
        return self._subset and State.VISIBLE in last.states.values()

    def reasons(self, wanted: Sequence[Expectation], observations: Sequence[Observation]) -> list[str]:
        """Return sentences about the likely reasons; takes at most `explain.LIMIT_SECONDS`."""
        return explain.reasons(self.observer, wanted, observations, self._publisher)

    # --- while it lasts ---

    def _say(self, text: str) -> None:
        with self._progress.aside():
            self._tells(text)

    def _tell(self, wanted: Sequence[Expectation], current: Round) -> None:
        states = current.states
        for expectation in wanted:
            state, rows = states[expectation.place], current.seen[expectation.place]
            # The same answer is not news only because it took another time.
            news = state, [(row.server, row.address, row.outcome) for row in rows]
            if self._told.get(expectation.place) != news:
                self._told[expectation.place] = news
                seen = [_observed(row) for row in rows]
                for identifier in expectation.ids:
                    self._inform(lines.visibility(identifier, state.value, seen))
        waiting = [each.identifier for each in wanted if states[each.place] is not State.VISIBLE]
        self._progress.reaches(len(wanted) - len(waiting), waiting)
        text = report.summary(current.seen)
        logger.debug("Look %d after %.1f s: %s", current.number, current.seconds, text)
        if not current.over and text != self._last:
            self._last = text
            limit = f"up to {self._settings.verify_timeout:.0f} s"
            self._say(f"Waiting until the CA will see it, {limit}: {text}" if current.number == 1 else f"  {text}")

    def _record(self, last: Round) -> None:
        if self._settings.metrics is not None:
            from certbot_external_auth.metrics import recorder

            recorder.visible(self._lineage, last.seconds)

    def _say_end(self, last: Round) -> None:
        if self._last:
            self._say(f"Visible at every address after {last.seconds:.0f} s.")

    # --- when it is over ---

    def _text(self, wanted: Sequence[Expectation], last: Round, printed: PrintedAbout) -> list[str]:
        """Return lines about what is missing: a sentence, the table, likely reasons, the handler's lines, advice."""
        # Most runs have no failure, and never load it.
        from certbot_external_auth.visibility import likely

        missing = report.worst_first(wanted, last.observations)
        observations = [row for one in missing for row in last.seen[one.place]]
        denied = any(Says.NO in said(last.seen[one.place]) for one in missing)
        names = ", ".join(dict.fromkeys(one.identifier for one in missing[:5])) + (", …" if len(missing) > 5 else "")
        verb = "cannot be seen everywhere" if denied else "could not be looked for everywhere"
        named = {one.host for one in self._settings.verify_nameservers}
        # A named resolver leads to others.
        only_named = bool(named) and not any(row.zone and row.server not in named for row in observations)
        return [
            f"What was published for {names} {verb}, after "
            f"{counted(round(last.seconds), 'second')} ({len(missing)} of {counted(len(wanted), 'place')}):",
            *report.table(missing, observations, report.MOST_ROWS),
            *self.reasons(wanted, last.observations),
            *self._other_use(observations),
            *shown(self._publisher.who, printed({identifier for one in missing for identifier in one.ids})),
            " ".join(likely.advice(observations, self._settings.verify_timeout, only_named)),
        ]

    def _other_use(self, observations: Sequence[Observation]) -> list[str]:
        """Say for what else the hook seems to be written. One that ignores unknown calls, or answers, never fails."""
        if not self._words or {Says.YES, Says.NO} & said(observations) != {Says.NO}:
            return []
        script, dialect = preflight.handler_text(self._words), self._settings.dialect
        other = recognise.likely(dialect, Ended(code=0), script)
        if other is not None:
            return [f"{self._publisher.who} looks like a hook of another dialect: --external-auth-dialect {other}"]
        return [mistakes.sentence(mistakes.ASKS_A_PERSON)] if recognise.asks_a_person(dialect, script) else []

    def _problems(self, wanted: Sequence[Expectation], last: Round) -> Mapping[str, Problem]:
        problems: dict[str, Problem] = {}
        for expectation in report.worst_first(wanted, last.observations):
            detail = one_line(clean(report.summary({expectation.place: last.seen[expectation.place]})))
            problems.update({key: {"type": "challenge.not_visible", "detail": detail} for key in expectation.ids})
        return problems


def _observed(row: Observation) -> Mapping[str, str | float]:
    """Write an observation as a JSON line has it."""
    seconds = round(row.seconds, 2)
    return {"server": row.server, "address": row.address, "outcome": row.outcome.value, "seconds": seconds}


def _with_end(challenge: Challenge, end: tuple[str, str] | None) -> Challenge:
    if end is None:
        return challenge
    return dataclasses.replace(challenge, txt_target=end[0], txt_zone=end[1] or None)
