"""Publishes a batch of challenges, waits until the CA can see it, and withdraws it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import logging
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from certbot import errors

from certbot_external_auth import journal, recovery
from certbot_external_auth.backends import Context, Finished, publisher
from certbot_external_auth.backends.printed import shown
from certbot_external_auth.challenges import Challenge, guard
from certbot_external_auth.errors import Failure, PerformError, Problem
from certbot_external_auth.interfaces import Backend, BackendAbilities
from certbot_external_auth.protocol import lines
from certbot_external_auth.recovery import disappearance
from certbot_external_auth.recovery.context import entry_of
from certbot_external_auth.run import ca_hints, lasting, placing
from certbot_external_auth.run.informer import Informer
from certbot_external_auth.run.verification import Verification
from certbot_external_auth.settings import OFF
from certbot_external_auth.text import rfc3339
from certbot_external_auth.validation_certificates.batch import ServedCertificates

logger = logging.getLogger(__name__)

NAMES_UNKNOWN = (
    "The plugin does not know which names were asked for: they were typed at Certbot's prompt, or the certificate of "
    "the lineage cannot be read. It could check only the syntax of the names."
)
_UNUSABLE = "Nothing was published. Fix that, or name another folder with --work-dir."
_BUSY = "Nothing was published. Run Certbot again when that process has ended."


class Publication:
    """The challenges of one run. They are published as a batch, and withdrawn whatever happens.

    :param asked: names that were asked for; None if they cannot be known.
    :param types_of: the challenge types that were offered for a name.
    :param prepare: checks that challenges can be published, as far as they must be; raises UsageError.
    """

    def __init__(
        self,
        context: Context,
        asked: Collection[str] | None,
        backend: Backend,
        verification: Verification,
        types_of: Callable[[str], list[str]],
        informer: Informer,
        prepare: Callable[[], None],
    ) -> None:
        self._settings = context.settings
        self._context = context
        self._asked = asked
        self._backend = backend
        self._verification = verification
        self._types_of = types_of
        self._informer = informer
        self._prepare = prepare
        self._work_dir = context.facts.work_dir
        self._journal = journal.Journal(self._work_dir)
        self._abilities = BackendAbilities.of(backend)
        if self._abilities.outputs is not None:
            self._abilities.outputs.hear(self._journal.hear)
        if self._abilities.states is not None:
            self._abilities.states(self._journal.state)
        by_name = context.settings.mode == "handler" and context.settings.dialect == "dehydrated"
        self._served = ServedCertificates(self._work_dir, context.tls_port, by_name)
        self._offered = False
        self._records = lasting.Lasting(context, backend, self._abilities.persists, verification.observer)
        self._batch: Sequence[Challenge] = ()
        self._lasting: list[Challenge] = []
        self._failed: dict[tuple[str, str], Problem] = {}
        self._refused: dict[str, Problem] = {}

    # --- publish ---

    def perform(self, challenges: Sequence[Challenge]) -> None:
        """Publish a batch. When this returns, Certbot may ask the CA to validate it.

        :raises GuardError: before anything outside is touched.
        :raises PerformError: naming what failed.
        """
        self.look(self.publish(self.checked(challenges)))
        self.offer()

    def checked(self, challenges: Sequence[Challenge]) -> Sequence[Challenge]:
        """Return the batch with the ends of aliases, if this is what was asked for and can be published.

        :raises GuardError: if it is not.
        """
        self._offered = False
        checked = guard.check(challenges, self._asked, self._types_of)
        if self._asked is None:
            logger.info(NAMES_UNKNOWN)
        self._prepare()
        # Before the batch is noted: after a crash, a recovery must know where the records are.
        self._batch = placing.placed(checked, self._abilities, self._verification)
        return self._batch

    def publish(self, batch: Sequence[Challenge]) -> Sequence[Challenge]:
        """Publish what is missing of a batch that is checked. Records that stay are not in the journal.

        :returns: what the CA must be able to see.
        """
        with self._noting_refusals():
            persisting = [one for one in batch if one.persists]
            records = self._records.found(persisting)
            passing = [one for one in batch if not one.persists]
            if passing and not self._abilities.publishes_nothing:
                self._note(passing)
            self._lasting = list(records.missing)
            made = self._served.make([*passing, *records.missing])
            if made:
                try:
                    self._backend.perform(made, self._begin)
                finally:
                    self._keep_outputs()
        unseen = [] if self._abilities.looks else made
        return [*unseen, *records.unsure, *records.unknown]

    def look(self, wanted: Sequence[Challenge]) -> None:
        """Wait until the CA can see what was published.

        :raises NotVisibleError: if it cannot.
        """
        with self._noting_refusals():
            self._verification.check(wanted, self._abilities.printed)

    def offer(self) -> None:
        """Note that the CA may be asked now."""
        self._offered = True

    @contextlib.contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        try:
            yield
        except PerformError as error:
            self._refused.update(error.problems)
            raise

    def _note(self, challenges: Sequence[Challenge]) -> None:
        """Write the batch to disk, before anything of it is published."""
        now = rfc3339(datetime.datetime.now(datetime.timezone.utc))
        try:
            self._journal.open(entry_of(self._context, challenges, now))
        except OSError as error:
            raise PerformError(
                [
                    Failure(
                        who="The plugin",
                        operation=f"noting in {journal.folder(self._work_dir)} what is to be published",
                        identifiers=tuple(dict.fromkeys(one.identifier for one in challenges)),
                        happened=str(error.strerror or error),
                        mend=_BUSY if error.errno == errno.EBUSY else _UNUSABLE,
                    )
                ]
            ) from error

    def _begin(self, challenges: Sequence[Challenge]) -> None:
        passing = [one for one in challenges if not one.persists]
        if passing:
            self._journal.begin(passing)
        for challenge in challenges:
            self._informer.mirror(lines.perform_challenge(challenge))

    def _keep_outputs(self) -> None:
        """Note in the journal what the cleanup will need. If that fails, the run goes on."""
        if self._abilities.outputs is not None:
            with contextlib.suppress(OSError):
                self._journal.keep(self._abilities.outputs.kept_outputs)

    # --- the CA's answer ---

    def has(self, challenge_type: str, mark: str) -> bool:
        """Tell whether a challenge is of this batch. :param mark: see `Challenge.key`."""
        return any(one.key == (challenge_type, mark) for one in self._batch)

    def refused_by_ca(self, challenge_type: str, mark: str, problem: Problem) -> None:
        """Note the CA's problem document for a challenge. :param mark: see `Challenge.key`."""
        self._failed[challenge_type, mark] = problem

    def hint(self) -> str:
        """Say what to do if the CA did not see what was published."""
        refused = [one for one in self._batch if one.key in self._failed]
        sentences = ca_hints.hints({problem.get("type", "") for problem in self._failed.values()}, self._settings.mode)
        printed = self._abilities.printed({one.id for one in refused})
        return "\n".join(
            [" ".join(sentences), *self._forbidden(refused), *shown(publisher(self._context).who, printed)]
        )

    def _forbidden(self, refused: Sequence[Challenge]) -> Sequence[str]:
        """Say what in DNS keeps the CA from issuing, if its answer is about DNS."""
        about = [one for one in refused if ca_hints.of_dns(self._failed[one.key].get("type", ""))]
        bases = {one.identifier.lower() for one in about}
        names = [name for name in self._asked or () if guard.base_name(name) in bases] or sorted(bases)
        if not names:
            return ()
        from certbot_external_auth.permission.examine import Request, examine

        types = tuple(dict.fromkeys(one.type for one in about))
        context = self._context
        request = Request(context.server, context.facts.config_dir, context.account, types)
        return examine(names, self._verification.observer.dns, request).sentences

    # --- withdraw ---

    def abandon(self) -> None:
        """Leave to a recovery what is not withdrawn."""
        self._journal.abandon()

    def cleanup(self, exception: BaseException | None) -> None:
        """Withdraw what was begun. A failure is logged, and does not stop the others.

        :param exception: what is ending the run, None after success.
        """
        begun = self._journal.begun()
        failures: list[Failure] = []
        try:
            finished = [self._finished(challenge, exception) for challenge in begun]
            self._tell_results([*finished, *(self._finished(one, exception) for one in self._lasting)])
            self._lasting = []
            if begun:
                failures = self._standing(begun, self._backend.cleanup(finished))
            self._settle(recovery.reasons_of(failures, begun))
        finally:
            # If the cleanup itself was interrupted, the journal keeps the whole batch.
            self._journal.abandon()
            self._served.remove()
        for failure in failures:
            logger.error("What was published may still be there: %s", failure)
        if failures:
            logger.error(
                "The next run tries to withdraw it again. To do so now: certbot-external-auth recover --work-dir %s",
                shlex.quote(self._work_dir),
            )

    def _finished(self, challenge: Challenge, exception: BaseException | None) -> Finished:
        problem = self._failed.get(challenge.key)
        if problem is not None:
            return Finished(challenge, "invalid", problem)
        if not self._offered:
            return Finished(challenge, "not_asked", self._refused.get(challenge.id))
        if exception is None or (self._failed and isinstance(exception, errors.AuthorizationError)):
            return Finished(challenge, "valid")
        return Finished(challenge, "pending")

    def _tell_results(self, finished: Sequence[Finished]) -> None:
        for end in finished:
            self._informer.inform(lines.result(end.challenge, end.status, end.problem))
            self._informer.count(end.status)
        for end in finished:
            self._informer.mirror(lines.cleanup(end.challenge, end.cleanup_status, end.problem))

    def _standing(self, begun: Sequence[Challenge], failures: Sequence[Failure]) -> list[Failure]:
        """Return the failures of a cleanup, without those about challenges that no server shows any more."""
        looks = self._settings.verify != OFF and not self._settings.historic
        if not looks or self._settings.mode in recovery.TOLD_MODES:
            return list(failures)
        observer, timeout = self._verification.observer, self._settings.verify_timeout
        left, gone = disappearance.still_published(observer, begun, failures, timeout, self._offered)
        for text in gone:
            logger.warning("%s. It counts as withdrawn, because no server shows it any more.", text)
        return left

    def _settle(self, reasons: Mapping[str, str]) -> None:
        """Remove from the journal what was withdrawn. :param reasons: why the others were not, by id."""
        try:
            self._journal.close(reasons)
        except OSError as error:
            logger.error("The journal in %s cannot be changed: %s", journal.folder(self._work_dir), error.strerror)
