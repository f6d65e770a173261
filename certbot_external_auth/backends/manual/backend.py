"""Backend `manual`: a person at a terminal publishes the challenges. `instructions` has all sentences."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import shutil
import socket
import sys
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth import visibility
from certbot_external_auth.backends import Context, Finished, publisher, surroundings
from certbot_external_auth.backends.manual import instructions, keyboard, live_table, renewal_reminder
from certbot_external_auth.backends.manual.instructions import NoPerson
from certbot_external_auth.backends.manual.renewal_reminder import Reminder
from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.visibility import Expectation, Observation, explain
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.watch import Policy, Round, watch

logger = logging.getLogger(__name__)


@implementer(IBackend)
class ManualBackend:
    """See `IBackend`."""

    challenge_types = TYPES
    looks = True
    told_aliases = True

    def __init__(self, context: Context) -> None:
        self._context = context

    def prepare(self, publishing: bool, deploying: bool) -> None:
        """Check that there is a person, and arrange the reminders of this process.

        :raises UsageError: if no person can be asked.
        """
        if not publishing:
            return
        config_dir = self._context.facts.config_dir
        if self._context.renewing:
            lineage = self._context.facts.alias
            reminder = self._reminder(lineage, renewal_reminder.last_day(config_dir, lineage))
            raise UsageError([instructions.not_renewable(reminder)])
        if self._context.unattended:
            raise UsageError([instructions.refusal(NoPerson.NOT_INTERACTIVE)])
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError([instructions.refusal(NoPerson.NO_TERMINAL)])
        if not self._context.silent:
            renewal_reminder.tell_at_exit(config_dir, self._remind)

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        """Show what to publish, and wait until everything is visible or the person presses Enter.

        :raises PerformError: if the terminal's input ends.
        """
        begin(challenges)
        port_in_use = any(_in_use(challenge.served.port) for challenge in challenges if challenge.served is not None)
        self._say(f"\n{instructions.instructions(challenges, _width(), port_in_use)}\n")
        try:
            if self._context.settings.verify == "off":
                self._say(instructions.wrapped(instructions.CONFIRM, _width()))
                keyboard.wait()
            else:
                self._watch(visibility.expectations(challenges))
        except keyboard.InputEnded as ended:
            raise PerformError([_input_ended(challenges)]) from ended

    def _watch(self, expectations: Sequence[Expectation]) -> None:
        """Watch until everything is visible or Enter is pressed, without a time limit: a person may need days."""
        self._say(f"{instructions.paragraph(instructions.WATCHING, _width())}\n")
        policy = Policy("strict", math.inf, self._context.settings.verify_settle)
        observer = Observer(surroundings(self._context))
        named = live_table.titles(expectations)
        with keyboard.unseen(), live_table.shown(named, _width()) as told:
            last_round = _watch_until_enter(observer, expectations, policy, told)
        missing = live_table.missing(named, last_round)
        if not missing:
            self._say(f"\n{instructions.ALL_VISIBLE}")
            return
        warning = instructions.wrapped(instructions.EARLY, _width())
        self._say("\n" + "\n".join([warning, *(f"  {line}" for line in missing)]))
        if last_round is not None:
            self._explain(observer, expectations, last_round)

    def _explain(self, observer: Observer, expectations: Sequence[Expectation], last_round: Round) -> None:
        """Say why a value is probably not visible."""
        sentences = explain.reasons(observer, expectations, last_round.observations, publisher(self._context))
        if sentences:
            self._say(instructions.paragraph(sentences, _width()))

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        """Say what can be removed; whether the person does it is not checked."""
        if finished:
            self._say(f"\n{instructions.removals(each.challenge for each in finished)}\n")
        return []

    def deploy(self, deployment: Deployment) -> None:
        """Say where the certificate is."""
        logger.warning(
            "New certificate for %s: %s, key: %s. Restart the services that use it.",
            ", ".join(deployment.domains),
            deployment.fullchain_path or deployment.cert_path,
            deployment.key_path,
        )

    def unchanged(self, deployment: Deployment) -> None:
        """Do nothing: the person need not act."""

    def _reminder(self, lineage: str, last_day: str | None) -> Reminder:
        return Reminder(lineage, self._context.repeat, last_day)

    def _remind(self, lineage: str, last_day: str) -> None:
        self._say(f"\n{instructions.renewal_notice(self._reminder(lineage, last_day), _width())}\n")

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=live_table.output(), flush=True)


def _watch_until_enter(
    observer: Observer, expectations: Sequence[Expectation], policy: Policy, told: Callable[[Round], None]
) -> Round | None:
    """Watch, also until Enter is pressed, and return the last complete look; None if there is none."""
    last: Round | None = None

    def look(expectations: Sequence[Expectation], until: float) -> list[Observation]:
        return keyboard.meanwhile(lambda: observer.look(expectations, until))

    def keep(latest: Round) -> None:
        nonlocal last
        last = latest
        told(latest)

    with contextlib.suppress(keyboard.EnterPressed):
        return watch(look, expectations, policy, keep, keyboard.wait)
    return last


def _width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def _in_use(port: int) -> bool:
    """Tell whether a program on this machine listens on a port; False if this user must not open the port."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _input_ended(challenges: Sequence[Challenge]) -> Failure:
    return Failure(
        who="The terminal",
        operation="perform",
        identifiers=tuple(dict.fromkeys(challenge.identifier for challenge in challenges)),
        happened="input ended before Enter was pressed",
    )
