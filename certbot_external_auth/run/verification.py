"""Between publishing and the CA: wait until the CA will see the challenges, and report the progress."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from certbot import errors

from certbot_external_auth.backends import Context, publisher, surroundings
from certbot_external_auth.challenges import Challenge, guard
from certbot_external_auth.dialects import recognise
from certbot_external_auth.errors import MissingDependencyError, NotVisibleError, Problem
from certbot_external_auth.handler_setup import preflight
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.text import clean, counted, one_line, quoted
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Says, expectations, explain, report
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.verdict import Decision, State, said
from certbot_external_auth.visibility.watch import Policy, Round, watch

logger = logging.getLogger(__name__)

ALIAS_SECONDS = 3.0
"""How long the plugin may look for aliases, before it publishes anything."""
ALIAS_SECONDS_IF_OFF = 1.0
"""The same with --external-auth-verify off: the name servers may be out of reach."""
OFF = "off"


class Verification:
    """The check of one run: will the CA see the challenges?

    :param say: reports the progress to a person; None if no person reads it.
    :param inform: sends a JSON line.
    """

    def __init__(self, context: Context, say: Callable[[str], None] | None, inform: Callable[[Line], None]) -> None:
        self._settings = context.settings
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
        """When the check is over, from the options."""
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

        Never fails, and takes at most `ALIAS_SECONDS`. Also done where nothing is checked: the backend must know where
        to publish.
        """
        names = list(dict.fromkeys(one.txt_domain for one in challenges if one.txt_domain is not None))
        if self._settings.historic or not names:
            return list(challenges)
        targets = self._targets(names)
        for name, (target, zone) in list(targets.items()):
            if guard.alias_ends(target, zone):
                logger.info("%s is an alias of %s%s.", name, target, f" in the zone {zone}" if zone else "")
                continue
            del targets[name]
            logger.warning(
                "%s is an alias of %s in the zone %s; that is no name a handler may be given, so it is taken for none.",
                name,
                quoted(target),
                quoted(zone),
            )
        return [_with_end(one, targets.get(one.txt_domain or "")) for one in challenges]

    def _targets(self, names: Sequence[str]) -> dict[str, tuple[str, str]]:
        try:
            limit = ALIAS_SECONDS_IF_OFF if self._settings.verify == OFF else ALIAS_SECONDS
            return self.observer.follow(names, time.monotonic() + limit)
        except errors.SignalExit:
            raise
        except Exception as error:
            logger.debug("Following aliases failed.", exc_info=True)
            logger.warning("Which TXT names are aliases could not be found out: %s", explain.described(error))
            return {}

    def check(self, challenges: Sequence[Challenge]) -> None:
        """Wait until the CA may be asked.

        :raises NotVisibleError: if the CA would not see the challenges.
        """
        if self._settings.verify == OFF or not challenges:
            return
        wanted = expectations(challenges)
        self._progress.begin("Looking", len(wanted))
        try:
            found = watch(self.observer.look, wanted, self.policy, lambda one: self._tell(wanted, one))
        finally:
            self._progress.end()
        for line in report.table(wanted, found.observations):
            logger.debug("%s", line)
        decision = found.decision(self._settings.verify)
        if decision is Decision.GO_ON:
            self._say_end(found)
        elif decision is Decision.WARN or self._some_may_be_left_out(found):
            logger.warning("%s", "\n".join(self._text(wanted, found)))
        else:
            raise NotVisibleError(self._text(wanted, found), self._problems(wanted, found))

    def _some_may_be_left_out(self, found: Round) -> bool:
        """Tell whether Certbot may go on with the visible names only (``--allow-subset-of-names``)."""
        return self._subset and State.VISIBLE in found.states.values()

    def reasons(self, wanted: Sequence[Expectation], observations: Sequence[Observation]) -> list[str]:
        """Return sentences about the likely reasons; takes at most `explain.LIMIT_SECONDS`."""
        return explain.reasons(self.observer, wanted, observations, self._publisher)

    # --- while it lasts ---

    def _say(self, text: str) -> None:
        with self._progress.aside():
            self._tells(text)

    def _tell(self, wanted: Sequence[Expectation], found: Round) -> None:
        states = found.states
        for one in wanted:
            state, rows = states[one.place], found.seen[one.place]
            # The same answer after another time is not news.
            news = state, [(row.server, row.address, row.outcome) for row in rows]
            if self._told.get(one.place) != news:
                self._told[one.place] = news
                seen = [_observed(row) for row in rows]
                for identifier in one.ids:
                    self._inform(lines.visibility(identifier, state.value, seen))
        waiting = [one.identifier for one in wanted if states[one.place] is not State.VISIBLE]
        self._progress.reaches(len(wanted) - len(waiting), waiting)
        text = report.summary(found.seen)
        logger.debug("Look %d after %.1f s: %s", found.number, found.seconds, text)
        if not found.over and text != self._last:
            self._last = text
            limit = f"up to {self._settings.verify_timeout:.0f} s"
            self._say(f"Waiting until the CA will see it, {limit}: {text}" if found.number == 1 else f"  {text}")

    def _say_end(self, found: Round) -> None:
        if self._last:
            self._say(f"Visible at every address after {found.seconds:.0f} s.")

    # --- when it is over ---

    def _text(self, wanted: Sequence[Expectation], found: Round) -> list[str]:
        """Return lines about what is missing: a sentence, the table, the likely reasons, and advice."""
        missing = report.worst_first(wanted, found.observations)
        observations = [row for one in missing for row in found.seen[one.place]]
        denied = any(Says.NO in said(found.seen[one.place]) for one in missing)
        names = ", ".join(dict.fromkeys(one.identifier for one in missing[:5])) + (", …" if len(missing) > 5 else "")
        verb = "cannot be seen everywhere" if denied else "could not be looked for everywhere"
        named = bool(self._settings.verify_nameservers)
        return [
            f"What was published for {names} {verb}, after "
            f"{counted(round(found.seconds), 'second')} ({len(missing)} of {counted(len(wanted), 'place')}):",
            *report.table(missing, observations, report.MOST_ROWS),
            *self.reasons(wanted, found.observations),
            *self._other_dialect(observations),
            " ".join(report.advice(observations, self._settings.verify_timeout, named)),
        ]

    def _other_dialect(self, observations: Sequence[Observation]) -> list[str]:
        """Name the dialect for which the hook seems to be written. A hook that ignores unknown calls never fails."""
        if not self._words or {Says.YES, Says.NO} & said(observations) != {Says.NO}:
            return []
        other = recognise.likely(self._settings.dialect, Ended(code=0), preflight.handler_text(self._words))
        who = self._publisher.who
        return [f"{who} looks like a hook of another dialect: --external-auth-dialect {other}"] if other else []

    def _problems(self, wanted: Sequence[Expectation], found: Round) -> Mapping[str, Problem]:
        problems: dict[str, Problem] = {}
        for one in report.worst_first(wanted, found.observations):
            detail = one_line(clean(report.summary({one.place: found.seen[one.place]})))
            problems.update({key: {"type": "challenge.not_visible", "detail": detail} for key in one.ids})
        return problems


def _observed(row: Observation) -> Mapping[str, str | float]:
    """Write an observation as a JSON line has it."""
    seconds = round(row.seconds, 2)
    return {"server": row.server, "address": row.address, "outcome": row.outcome.value, "seconds": seconds}


def _with_end(challenge: Challenge, end: tuple[str, str] | None) -> Challenge:
    if end is None:
        return challenge
    return dataclasses.replace(challenge, txt_target=end[0], txt_zone=end[1] or None)
