"""One run, apart from Certbot: what is published, withdrawn and handed over, and what is said about it.

Certbot's plugin object holds one of these for each lineage; what must hold for the whole process lies in
`backends.stream` and `deployment`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import itertools
import logging
import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from certbot import errors
from certbot.display import util as display_util

from certbot_external_auth import journal, recovery
from certbot_external_auth.backends import Context, Finished, backend
from certbot_external_auth.challenges import Challenge, choice, guard, tlssni01
from certbot_external_auth.errors import DriverError, Failure, PerformError, Problem, UsageError
from certbot_external_auth.files import file_signature
from certbot_external_auth.interfaces import BackendAbilities
from certbot_external_auth.lineages import certificate, handed_over
from certbot_external_auth.lineages.deployment import Deployment, names_to_hand_over
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.protocol.stream import Lineages, Saved, Stream, opened
from certbot_external_auth.recovery import disappearance, messages
from certbot_external_auth.recovery.context import entry_of
from certbot_external_auth.run import handing_over
from certbot_external_auth.run.verification import OFF, Verification
from certbot_external_auth.text import rfc3339
from certbot_external_auth.validation_certificates.batch import ServedCertificates

logger = logging.getLogger(__name__)
_UNUSABLE = "Nothing was published. Mend that, or name another folder with --work-dir."
_BUSY = "Nothing was published. Run Certbot again when that has ended."

STARTED = time.time()
_said: set[str] = set()
_journals: dict[str, file_signature.Signature | None] = {}
"""By work directory, the journal's folder after this process has looked; None where a batch was somebody's then."""
_numbers = itertools.count(1)


def next_id(kind: str) -> str:
    """An id that is unique in this process."""
    return f"{kind}{next(_numbers)}"


class Run:
    """:param context: settings and facts. :param asked: names asked for, None if they cannot be known."""

    def __init__(self, context: Context, asked: Collection[str] | None) -> None:
        self._context = context
        self._settings = context.settings
        self._asked = asked
        self._config_dir = context.facts.config_dir
        self._handed_over = handed_over.HandedOver(context.facts.config_dir, context.facts.work_dir)
        self._attempts = handed_over.attempts_for(self._config_dir)
        self._work_dir = context.facts.work_dir
        self._journal = journal.Journal(self._work_dir)
        by_name = self._settings.mode == "handler" and self._settings.dialect == "dehydrated"
        self._served = ServedCertificates(context.facts.work_dir, context.tls_port, by_name)
        self._offered = False
        self._prepared: set[tuple[bool, bool]] = set()
        self._failed: dict[tuple[str, str], Problem] = {}
        self._refused: dict[str, Problem] = {}
        self._stream = self._open_stream()
        self._backend = backend(context.settings.mode, context)
        self._abilities = BackendAbilities.of(self._backend)
        if self._abilities.outputs is not None:
            self._abilities.outputs.hear(self._journal.hear)
        self._verification = Verification(context, self._say(), self._inform_newer)
        self.challenge_types: tuple[str, ...] = tuple(self._backend.challenge_types)

    def _open_stream(self) -> Stream | None:
        """The historic plugin printed its lines also while a handler did the work; it could not renew, though, so
        there nobody reads them."""
        mode = self._settings.mode
        mirror = self._settings.historic and self._settings.protocol == 0 and mode == "handler"
        if mode != "json" and (not mirror or self._context.silent):
            return None
        stream = opened()
        leftover: list[Line] = []
        if not stream.greeted and mode == "json" and self._settings.protocol == 1:
            with contextlib.suppress(OSError):
                leftover = [line for one in recovery.tell(self._work_dir) for line in messages.leftover(one)]
        stream.contact(self._settings.protocol, leftover)
        stream.at_exit = self._at_exit
        return stream

    @property
    def _mirror(self) -> Stream | None:
        return None if self._settings.mode == "json" else self._stream

    def prepare(self, publishing: bool = False, deploying: bool = False) -> None:
        """Check what can be checked; each combination once.

        :raises UsageError: if the work cannot be done.
        """
        if (publishing, deploying) not in self._prepared:
            if publishing:
                self._check_types()
                self._verification.prepare()
            self._backend.prepare(publishing, deploying)
            self._prepared.add((publishing, deploying))

    def recover(self, publishing: bool) -> None:
        """Withdraw what earlier runs left behind; what goes wrong with it does not stop this one.

        Certbot comes here with each lineage. Where nothing is to be published, it is looked at again only once it has
        changed.

        :raises UsageError: if something shall be published, and the journal cannot be used.
        """
        if not publishing and self._looked_at():
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
        if self._stream is not None:
            for one in outcome.left:
                self._stream.error("recovery.failed", messages.sentences(one, self._work_dir))

    def _looked_at(self) -> bool:
        """Whether the journal is as this process left it when it looked last."""
        before = _journals.get(self._work_dir)
        return before is not None and before == file_signature.signature(journal.folder(self._work_dir))

    def _check_types(self) -> None:
        context = self._context
        mode = self._settings.mode
        carrier = f"dialect {self._settings.dialect}" if mode == "handler" else f"mode {mode}"
        problems = choice.problems(self._asked or (), self.challenge_types, context.preferred, f"the {carrier}")
        if tlssni01.TYPE in context.preferred and tlssni01.withdrawn_at(context.server):
            problems.append(
                f"--preferred-challenges: Let's Encrypt ({context.server}) ended tls-sni-01 in 2019; use tls-alpn-01, "
                "or name your own CA with --server (a --dry-run goes to Let's Encrypt unless --server is given)."
            )
        if problems:
            raise UsageError(problems)
        if tlssni01.TYPE in context.preferred and tlssni01.WARNING not in _said:
            _said.add(tlssni01.WARNING)
            logger.warning(tlssni01.WARNING)

    def usable_types(self, identifier: str, addresses: bool) -> list[str]:
        """Types that can be offered to Certbot for a name or an address, best first.

        :param addresses: this Certbot can have addresses in a certificate.
        :raises UsageError: for an address where it cannot.
        """
        if choice.is_address(identifier) and not addresses:
            # Only a --csr brings an address into an order of such a Certbot.
            raise UsageError(
                [f"{identifier} is an IP address: for these Certbot 5.3 or newer is needed (certbot --version)."]
            )
        return self._offered_for(identifier)

    def _offered_for(self, identifier: str) -> list[str]:
        return choice.usable(identifier, self.challenge_types, self._context.preferred)

    def _inform(self, line: Line) -> None:
        """A line that nobody has to answer; a reader that is gone does not stop the work."""
        if self._stream is not None:
            with contextlib.suppress(DriverError):
                self._stream.emit(line)

    def _inform_newer(self, line: Line) -> None:
        """The same for a line that protocol 0 does not have."""
        if self._settings.protocol == 1:
            self._inform(line)

    def _say(self) -> Callable[[str], None] | None:
        """How a person is told that something takes time; nobody is there where lines are read, or none is wanted."""
        if self._context.silent or self._settings.mode == "json":
            return None
        return display_util.notify

    # --- challenges ---

    def perform(self, challenges: Sequence[Challenge]) -> None:
        """Publish a batch; when this returns the CA may be asked.

        :raises GuardError: before anything outside is touched.
        :raises PerformError: naming what failed.
        """
        self._offered = False
        challenges = guard.check(challenges, self._asked, self._offered_for)
        if self._asked is None:
            logger.info(
                "Which names were asked for is not known (they were typed at Certbot's prompt, or the lineage's "
                "certificate cannot be read), so only their syntax could be checked."
            )
        self.prepare(publishing=True)
        if self._abilities.told_aliases:
            # Before they are noted: whoever withdraws them after a crash must know where they stand.
            challenges = self._verification.aliased(challenges)
        if challenges:
            self._note(challenges)
        try:
            made = self._served.make(challenges)
            try:
                self._backend.perform(made, self._begin)
            finally:
                self._keep_outputs()
            if not self._abilities.looks:
                self._verification.check(made)
        except PerformError as error:
            self._refused.update(error.problems)
            raise
        self._offered = True

    def _keep_outputs(self) -> None:
        """Note in the journal what the cleanup will need; without it the batch is withdrawn all the same."""
        if self._abilities.outputs is not None:
            with contextlib.suppress(OSError):
                self._journal.keep(self._abilities.outputs.kept_outputs)

    def _note(self, challenges: Sequence[Challenge]) -> None:
        """The batch is on disk before anything of it is published."""
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
        self._journal.begin(challenges)
        if self._mirror is not None:
            for challenge in challenges:
                self._inform(lines.perform_challenge(challenge))

    def refused_by_ca(self, challenge_type: str, token: str, problem: Problem) -> None:
        """The CA's problem document for a challenge."""
        self._failed[challenge_type, token] = problem

    def hint(self) -> str:
        """What to do when the CA did not see what was published."""
        handler = "See in the log what the handler was called for and what it printed, and let it end only when"
        others = "Confirm only when"
        return (
            "The CA looked for what was published and did not see it, as it says above. "
            f"{handler if self._settings.mode == 'handler' else others} every name server, or every address of the "
            "web server, shows it."
        )

    def cleanup(self, exception: BaseException | None) -> None:
        """Withdraw what was begun, go on past failures, report them at the end.

        :param exception: what is ending the run, None after success.
        """
        begun = self._journal.begun()
        failures: list[Failure] = []
        try:
            if begun:
                finished = [self._finished(challenge, exception) for challenge in begun]
                self._tell_results(finished)
                failures = self._standing(begun, self._backend.cleanup(finished))
            self._settle(recovery.reasons_of(failures, begun))
        finally:
            # Where cleanup did not come to its end the journal keeps all of the batch.
            self._journal.abandon()
            self._served.remove()
        for failure in failures:
            logger.error("What was published may still be there: %s", failure)
        if failures:
            logger.error(
                "The next run tries again to withdraw it, or now: certbot-external-auth recover --work-dir %s",
                shlex.quote(self._work_dir),
            )

    def _standing(self, begun: Sequence[Challenge], failures: Sequence[Failure]) -> list[Failure]:
        """The failures of a cleanup without those about what nobody shows any more, once it was seen."""
        # What was never seen may only be on its way.
        looks = self._offered and self._settings.verify != OFF and not self._settings.historic
        if not looks or self._settings.mode in recovery.TOLD_MODES:
            return list(failures)
        observer, timeout = self._verification.observer, self._settings.verify_timeout
        left, gone = disappearance.still_published(observer, begun, failures, timeout)
        for one in gone:
            logger.warning("%s, and no server shows any more what was published, so it counts as withdrawn.", one)
        return left

    def _settle(self, reasons: Mapping[str, str]) -> None:
        """What is withdrawn leaves the journal."""
        try:
            self._journal.close(reasons)
        except OSError as error:
            logger.error("The journal in %s cannot be changed: %s", journal.folder(self._work_dir), error.strerror)

    def _finished(self, challenge: Challenge, exception: BaseException | None) -> Finished:
        problem = self._failed.get((challenge.type, challenge.token))
        if problem is not None:
            return Finished(challenge, "invalid", problem)
        if not self._offered:
            return Finished(challenge, "not_asked", self._refused.get(challenge.id))
        if exception is None or (self._failed and isinstance(exception, errors.AuthorizationError)):
            return Finished(challenge, "valid")
        return Finished(challenge, "pending")

    def _tell_results(self, finished: Sequence[Finished]) -> None:
        stream = self._stream
        if stream is None:
            return
        for one in finished:
            if self._settings.protocol == 1:
                self._inform(lines.result(one.challenge, one.status, one.problem))
            stream.note_result(one.status)
        for one in finished if self._mirror is not None else ():
            self._inform(lines.cleanup(one.challenge, one.cleanup_status, one.problem))

    def end_of_process(self, exception: BaseException) -> None:
        """Certbot will end without running exit functions (it passes a signal on): say the last lines now."""
        if self._stream is not None:
            self._stream.note_failure()
            self._stream.finish(exception)

    # --- certificates ---

    def first_contact(self) -> None:
        """This plugin is the installer.

        :raises UsageError: if its state cannot be kept.
        """
        try:
            self._handed_over.baseline()
        except OSError as error:
            raise UsageError(
                [f"The plugin's folder in {self._context.facts.work_dir} cannot be used ({error}); see --work-dir."]
            ) from error

    def deploy_files(self, domain: str, paths: Mapping[str, str | None]) -> None:
        """Certbot's deploy_cert, called for each name: deploys always, once in a process.

        :param paths: ``cert_path`` and the others, as Certbot gives them.
        :raises DeployError: if it did not succeed.
        """
        found = self._deployment(str(paths["cert_path"]), paths)
        self._deploy(dataclasses.replace(found, domain=domain) if self._settings.historic else found)

    def deploy_lineage(self, lineage: str, paths: Mapping[str, str | None]) -> bool:
        """Deploy if due and not tried before; the result tells whether it was due.

        :raises DeployError: if it did not succeed.
        """
        return self._deploy_if_due(lineage, self._deployment(str(paths["cert_path"]), paths, lineage))

    def _deploy_if_due(self, lineage: str, found: Deployment) -> bool:
        if self._handed_over.deployed(lineage) == found.sha256:
            return False
        names = names_to_hand_over(found, self._settings.historic)
        for name in names:
            self._deploy(dataclasses.replace(found, domain=name))
        return True

    def deploy_written(self) -> None:
        """Deploy the lineages that were written since the first contact."""
        for lineage, sha256 in handed_over.live_certificates(self._config_dir).items():
            if self._attempts.before.get(lineage) != sha256 and self._handed_over.deployed(lineage) != sha256:
                self.deploy_lineage(lineage, Lineage(self._config_dir, lineage).paths)

    def look_again(self, lineage: str, paths: Mapping[str, str | None]) -> None:
        """A lineage that is not due for renewal: retry a deployment that failed, else tell that nothing changed.

        :raises DeployError: if the retry did not succeed.
        """
        found = self._deployment(str(paths["cert_path"]), paths, lineage)
        if self._deploy_if_due(lineage, found):
            return
        if self._attempts.before.get(lineage, found.sha256) != found.sha256:
            return
        names = names_to_hand_over(found, self._settings.historic)
        try:
            self.prepare()
            for name in names:
                self._backend.unchanged(dataclasses.replace(found, domain=name))
        except (UsageError, DriverError) as error:
            logger.warning("Nobody could be told that %s is unchanged: %s", lineage, error)

    def _deployment(self, cert_path: str, paths: Mapping[str, str | None], lineage: str | None = None) -> Deployment:
        lineage = lineage or handed_over.lineage_of(cert_path, self._config_dir)
        with handing_over.mended_by(self._context.install):
            return handing_over.described(next_id("d"), cert_path, paths, lineage, int(STARTED))

    def _deploy(self, one: Deployment) -> None:
        if not self._attempts.once(one):
            return
        self.prepare(deploying=True)
        if one.lineage is not None:
            self._handed_over.begin(one.lineage)
            self._attempts.failed.add(one.lineage)
        if self._mirror is not None:
            self._inform(lines.certificate("deploy_cert", one))
        with handing_over.mended_by(self._context.install):
            self._backend.deploy(one)
        self._attempts.succeeded(one)
        if one.lineage is not None and self._complete(one):
            self._attempts.failed.discard(one.lineage)
            if self._handed_over.deployed(one.lineage) == one.sha256:
                return
            if handing_over.counts(self._settings.mode, self._config_dir, one.lineage):
                self._handed_over.record(one.lineage, one.sha256)

    def _complete(self, one: Deployment) -> bool:
        """In the historic form a certificate is deployed when each of its names was."""
        return self._attempts.all_succeeded(one, names_to_hand_over(one, self._settings.historic))

    def saved(self, title: str | None, temporary: bool) -> None:
        """Certbot's save, passed on to a driver."""
        self._inform(lines.save(title, temporary))

    def restarted(self) -> None:
        """Certbot's restart, passed on to a driver."""
        self._inform(lines.restart())

    def _at_exit(self) -> tuple[Saved, Lineages]:
        """What is true on disk now: certificates written by this process, and what became of each lineage."""
        saved: Saved = []
        found: Lineages = []
        known = self._handed_over.known()
        for name, sha256 in handed_over.live_certificates(self._config_dir).items():
            changed = self._attempts.before.get(name) != sha256
            tried = self._attempts.tried(name)
            pending = name in known and known[name] != sha256
            if changed:
                saved.append(self._saved(name))
            if changed or tried or pending:
                found.append(
                    {
                        "name": name,
                        "changed": changed,
                        "deployed": known.get(name) == sha256,
                        "deploy_pending": pending,
                        "deploy_failed": name in self._attempts.failed,
                    }
                )
        return saved, found

    def _saved(self, lineage: str) -> tuple[str, str]:
        path = Lineage(self._config_dir, lineage).fullchain_path
        with contextlib.suppress(OSError, ValueError):
            end = certificate.read(Lineage(self._config_dir, lineage).cert_path).not_after
            return path, end.astimezone(datetime.timezone.utc).date().isoformat()
        return path, "an unknown day"
