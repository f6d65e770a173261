"""Backend `manual`: a person at a terminal publishes the challenges. `instructions` has all sentences."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.manual import instructions, keyboard, renewal_reminder, terminal
from certbot_external_auth.backends.manual.instructions import NoPerson
from certbot_external_auth.backends.manual.renewal_reminder import Reminder
from certbot_external_auth.backends.manual.watching import Watching
from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lineages.deployment import Deployment

logger = logging.getLogger(__name__)


@implementer(IBackend)
class ManualBackend:
    """See `IBackend`."""

    challenge_types = TYPES
    looks = True
    persists = True
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
        width = terminal.width()
        try:
            if self._context.settings.verify == "off":
                terminal.say(f"\n{instructions.instructions(challenges, width, port_in_use)}\n")
                terminal.say(instructions.wrapped(instructions.CONFIRM, width))
                keyboard.wait()
            else:
                watching = Watching(self._context, challenges)
                zones = watching.zones()
                terminal.say(f"\n{instructions.instructions(challenges, width, port_in_use, zones)}\n")
                watching.run(instructions.values(challenges, zones))
        except keyboard.InputEnded as ended:
            raise PerformError([_input_ended(challenges)]) from ended

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        """Say what can be removed; whether the person does it is not checked."""
        if finished:
            terminal.say(f"\n{instructions.removals(each.challenge for each in finished)}\n")
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
        terminal.say(f"\n{instructions.renewal_notice(self._reminder(lineage, last_day), terminal.width())}\n")


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
