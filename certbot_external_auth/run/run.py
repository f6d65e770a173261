"""One run of Certbot with one lineage, and the order of its work.

The two halves of a `Run` do the work: `publication` has the challenges, `handover` the certificates. The data of the
whole process is elsewhere: the stream of JSON lines in `protocol.stream`, and the attempts to hand over in
`lineages.handed_over`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Collection

from certbot.display import util as display_util

from certbot_external_auth import journal, recovery
from certbot_external_auth.backends import Context, deploy_handler
from certbot_external_auth.console import terminal_lines
from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import file_signature
from certbot_external_auth.lineages.handed_over import HandedOver, attempts_for
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.protocol.stream import Stream, opened
from certbot_external_auth.recovery import messages
from certbot_external_auth.run.exit_report import exit_report
from certbot_external_auth.run.groups import Groups
from certbot_external_auth.run.handover import Handover, Receiver
from certbot_external_auth.run.informer import Informer
from certbot_external_auth.run.part import Part, Surroundings
from certbot_external_auth.run.publication import Publication
from certbot_external_auth.run.undeployed import Undeployed
from certbot_external_auth.settings import Settings

logger = logging.getLogger(__name__)

_journals: dict[str, file_signature.Signature | None] = {}
"""By work directory, the signature of the journal's folder after this process withdrew what was left there. None if
another process was working on a batch then."""


class Run:
    """:param asked: names that were asked for; None if they cannot be known.

    :ivar publication: publishes and withdraws the challenges.
    :ivar handover: hands the certificates over.
    """

    def __init__(self, context: Context, asked: Collection[str] | None) -> None:
        settings = context.settings
        self._context = context
        self._work_dir = context.facts.work_dir
        # Before everything else, so that the stream also reports a backend that cannot be loaded.
        self._informer = Informer(self._open_stream(), mirrors=_mirrors(settings))
        around = Surroundings(asked, self._informer, _say(context))
        self._deployer = deploy_handler(context)
        self._prepared_to_deploy: set[bool] = set()
        self._publishing: Part | Groups
        self.publication: Publication | Groups
        receiver: Receiver
        if settings.mode == "handler" and settings.routes is not None:
            self._publishing = self.publication = Groups(context, settings.routes, around)
            receiver = Undeployed()
        else:
            self._publishing = Part.whole(context, around)
            self.publication, receiver = self._publishing.publication, self._publishing.backend
        self.handover = Handover(
            context,
            self._deployer or receiver,
            self._informer,
            lambda deploying: self.prepare(deploying=deploying),
        )

    def _open_stream(self) -> Stream | None:
        """Open the stream of JSON lines, if there is one.

        The historic plugin printed its lines even while a handler did the work. It could not renew, so no program
        expects them during a renewal.
        """
        settings, facts = self._context.settings, self._context.facts
        if settings.mode != "json" and (not _mirrors(settings) or self._context.silent):
            return None
        stream = opened()
        stream.contact(settings.protocol, self._leftover)
        handed_over = HandedOver(facts.config_dir, facts.work_dir)
        stream.at_exit = functools.partial(exit_report, facts.config_dir, handed_over, attempts_for(facts.config_dir))
        return stream

    def _leftover(self) -> list[Line]:
        """Return the challenges that drivers and people of earlier runs left, and count this as a report of them."""
        with contextlib.suppress(OSError):
            return [line for entry in recovery.tell(self._work_dir) for line in messages.leftover(entry)]
        return []

    def prepare(self, publishing: bool = False, deploying: bool = False) -> None:
        """Check everything that can be checked before the work.

        :raises UsageError: if the work cannot be done.
        """
        if self._deployer is None or publishing:
            self._publishing.prepare(publishing, deploying and self._deployer is None)
        if self._deployer is not None and (deploying or not publishing) and deploying not in self._prepared_to_deploy:
            self._deployer.prepare(False, deploying)
            self._prepared_to_deploy.add(deploying)

    def usable_types(self, identifier: str, addresses: bool) -> list[str]:
        """Return the challenge types for a name or an address; see `OfferedTypes.usable`."""
        return self._publishing.usable(identifier, addresses)

    def recover(self, publishing: bool) -> None:
        """Withdraw what earlier runs left behind. A failure does not stop this run.

        Certbot calls this for each lineage. If nothing will be published, the journal is read again only after it has
        changed.

        :raises UsageError: if challenges will be published, and the journal cannot be used.
        """
        if not publishing and self._journal_is_as_before():
            return
        try:
            outcome = recovery.withdraw(self._work_dir)
        except OSError as error:
            problem = f"The journal in {journal.folder(self._work_dir)} cannot be used: {error.strerror}."
            if publishing:
                raise UsageError([problem]) from error
            logger.warning(problem)
            return
        _journals[self._work_dir] = (
            None if outcome.running else file_signature.signature(journal.folder(self._work_dir))
        )
        messages.report(outcome, self._work_dir)
        for entry in outcome.left:
            self._informer.error("recovery.failed", messages.sentences(entry, self._work_dir))

    def _journal_is_as_before(self) -> bool:
        """Tell whether the journal is as this process left it."""
        before = _journals.get(self._work_dir)
        return before is not None and before == file_signature.signature(journal.folder(self._work_dir))

    def end_of_process(self, exception: BaseException) -> None:
        """Send the last lines now: Certbot will pass a signal on, and no exit function will run."""
        self._informer.end(exception)

    def saved(self, title: str | None, temporary: bool) -> None:
        """Pass Certbot's ``save`` on to a driver."""
        self._informer.inform(lines.save(title, temporary))

    def restarted(self) -> None:
        """Pass Certbot's ``restart`` on to a driver."""
        self._informer.inform(lines.restart())


def _mirrors(settings: Settings) -> bool:
    """Tell whether lines of protocol 0 repeat what a handler does, as the plugin of 2016-2020 printed them."""
    return settings.historic and settings.protocol == 0 and settings.mode == "handler"


def _say(context: Context) -> Callable[[str], None] | None:
    """Return the function that tells a person what takes time; None if no person reads it, or asked for silence."""
    if context.silent or context.settings.mode == "json":
        return None
    return lambda words: display_util.notify(terminal_lines.for_stream(words, sys.stdout))
