"""Backend `manual`: a person at a terminal, told exactly what to do."""

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
from certbot_external_auth.backends import Context, Finished, again, keyboard, screen
from certbot_external_auth.backends.instructions import instructions, removals, wrapped
from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lines import Deployment
from certbot_external_auth.verification import publisher, reasons, surroundings
from certbot_external_auth.visibility import Expectation, Observation
from certbot_external_auth.visibility.watch import Observer, Policy, Round, watch

logger = logging.getLogger(__name__)

OTHERS = (
    "use a script with --external-auth-mode handler --external-auth-handler PATH, or let a program drive it with "
    "--external-auth-mode json."
)
GOES_ON = ("This goes on by itself when all of it can be seen.", "Press Enter to go on at once, Ctrl-C to give up.")


def _width() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _in_use(port: int) -> bool:
    """Whether somebody listens on a port here; a port this user may not open does not count."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


@implementer(IBackend)
class ManualBackend:
    """See `IBackend`."""

    challenge_types = TYPES
    looks = True
    told_aliases = True

    def __init__(self, context: Context) -> None:
        self._context = context

    def prepare(self, publishing: bool, deploying: bool) -> None:
        if not publishing:
            return
        if self._context.renewing:
            lineage, facts = self._context.facts.alias, self._context.facts
            day = again.last_day(facts.config_dir, lineage)
            raise UsageError([again.sentence(lineage, day, self._context.repeat)])
        if self._context.unattended:
            raise UsageError(
                [f"The mode is manual, which needs a person, but Certbot was told that there is none (-n): {OTHERS}"]
            )
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError([f"The mode is manual, which needs a terminal, but stdin is none: {OTHERS}"])
        if not self._context.silent:
            again.tell_at_exit(self._context.facts.config_dir, self._tell_again)

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        begin(challenges)
        in_use = any(_in_use(one.served.port) for one in challenges if one.served is not None)
        self._say(f"\n{instructions(challenges, _width(), in_use)}\n")
        try:
            if self._context.settings.verify == "off":
                self._say(wrapped("Press Enter when all of it can be seen from outside, Ctrl-C to give up.", _width()))
                keyboard.wait()
            else:
                self._watch(visibility.expectations(challenges))
        except keyboard.InputEnded as ended:
            raise PerformError(
                [
                    Failure(
                        who="The terminal",
                        operation="perform",
                        identifiers=tuple(dict.fromkeys(one.identifier for one in challenges)),
                        happened="input ended before Enter was pressed",
                    )
                ]
            ) from ended

    def _watch(self, expectations: Sequence[Expectation]) -> None:
        """Until all is visible, or Enter is pressed; a person may need days, so that no time limit holds."""
        self._say("\n".join(wrapped(sentence, _width()) for sentence in GOES_ON) + "\n")
        policy = Policy("strict", math.inf, self._context.settings.verify_settle)
        watcher = _Watcher(surroundings(self._context))
        named = screen.titles(expectations)
        with keyboard.unseen(), screen.shown(named, _width()) as told:
            found = watcher.watch(expectations, policy, told)
        missing = screen.missing(named, found)
        if not missing:
            self._say("\nAll of it can be seen.")
            return
        warning = "You go on before all of it can be seen from here; if the CA does not see it either, it refuses:"
        self._say("\n" + "\n".join([wrapped(warning, _width()), *(f"  {line}" for line in missing)]))
        if found is not None:
            self._explain(watcher, expectations, found)

    def _explain(self, observer: Observer, expectations: Sequence[Expectation], found: Round) -> None:
        """Say what most likely is wrong."""
        for sentence in reasons(observer, expectations, found.observations, publisher(self._context)):
            self._say(wrapped(sentence, _width()))

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        if finished:
            self._say(f"\nYou can remove again:\n{removals([one.challenge for one in finished])}\n")
        return []

    def deploy(self, deployment: Deployment) -> None:
        logger.warning(
            "Certificate for %s: %s, key: %s. Restart what uses them.",
            ", ".join(deployment.domains),
            deployment.fullchain_path or deployment.cert_path,
            deployment.key_path,
        )

    def unchanged(self, deployment: Deployment) -> None:
        """Nobody needs to be told."""

    def _tell_again(self, lineage: str, day: str) -> None:
        self._say(f"\n{again.notice(lineage, day, self._context.repeat, _width())}\n")

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=screen.output(), flush=True)


class _Watcher(Observer):
    """Is left when Enter is pressed while it looks, with what the last look found."""

    _last: Round | None = None

    def watch(self, expectations: Sequence[Expectation], policy: Policy, told: Callable[[Round], None]) -> Round | None:
        """The last look; None if there was none before Enter was pressed."""

        def keep(found: Round) -> None:
            self._last = found
            told(found)

        with contextlib.suppress(keyboard.EnterPressed):
            return watch(self, expectations, policy, keep, keyboard.wait)
        return self._last

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """See `Observer.look`."""
        return keyboard.meanwhile(lambda: Observer.look(self, expectations, until))
