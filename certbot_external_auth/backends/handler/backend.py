"""Backend `handler`: a program publishes, one call for each challenge or one for all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence

from zope.interface import implementer

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import heard, nobody
from certbot_external_auth.backends.handler.call import HandlerCaller
from certbot_external_auth.backends.handler.carry_out import Steps, carry_out
from certbot_external_auth.backends.printed import Printed, about
from certbot_external_auth.challenges import Challenge, http01
from certbot_external_auth.dialects import Call
from certbot_external_auth.errors import NOT_CALLED, DeployError, Failure, PerformError, UsageError
from certbot_external_auth.files import webroot
from certbot_external_auth.handler_setup import command_line, env_file, preflight, run_as, trust
from certbot_external_auth.handler_setup.environment import handler_environment
from certbot_external_auth.interfaces import DialectAbilities, IBackend
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes import runner
from certbot_external_auth.processes.account import Account
from certbot_external_auth.providers import examine
from certbot_external_auth.providers.dialect import dialect_of
from certbot_external_auth.text import first_time, say_once
from certbot_external_auth.validation_certificates import tls_files

logger = logging.getLogger(__name__)

MAX_KEPT_BYTES = 131_000
"""Longest output in the journal: what every version of this plugin can pass to a program in one variable."""


@implementer(IBackend)
class HandlerBackend:
    """See `IBackend`. What is called, and how, is the dialect's part."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._dialect = dialect_of(context.settings)
        self.challenge_types = run_as.carried(self._dialect.challenge_types, self._settings.run_as)
        self._abilities = DialectAbilities.of(self._dialect)
        self._tells_aliases = self._abilities.tells_aliases(
            {**os.environ, **env_file.readable(context.settings.env_file)}
        )
        # Two names that are aliases of the same name are one place, so calls for them must not run side by side.
        self.told_zones = self._abilities.told_zones
        self.told_aliases = self._tells_aliases or self._settings.jobs > 1
        self.persists = self._abilities.persists
        self._handler = HandlerCaller(context, self._dialect, self._abilities)

    def examine(self, publishing: bool = True, deploying: bool = False) -> trust.Findings:
        """Check the handler, or the provider, and its files without calling it.

        :param deploying: the caller will start it, too, and not only the user of `run-as`.
        """
        search_path = {**handler_environment(os.environ), **env_file.readable(self._settings.env_file)}["PATH"]
        findings = trust.Findings(examine.sentences(self._settings))
        user = self._examine_user(findings) if publishing else None
        # A handler that only its owner runs gives its owner nothing.
        ids = (*trust.trusted_ids(), *([] if user is None or deploying else [user.uid]))
        noun = "handler" if self._settings.provider is None else "provider's program"
        for words, origin in self._handler.commands():
            findings.add(preflight.check_command(words, search_path, ids, origin, noun))
        if self._settings.wellknown is not None:
            problem = webroot.problem(self._settings.wellknown)
            findings.problems.extend([problem] if problem else [])
        if self._settings.env_file is not None:
            problem = env_file.problem(self._settings.env_file)
            findings.problems.extend([problem] if problem else [])
            if os.path.isfile(self._settings.env_file):
                findings.add(trust.check_file(self._settings.env_file, "env file", ids))
        if user is not None and not findings.problems:
            commands = [words for words, _ in self._handler.commands()]
            trial = run_as.attempt(user, commands, search_path, self._context.folder)
            self._handler.enters = trial.enters
            findings.problems += trial.problems
        return findings

    def _examine_user(self, findings: trust.Findings) -> Account | None:
        """Find the user of `run-as`, or note why there is none."""
        try:
            return self._user()
        except UsageError as error:
            findings.problems += error.problems
            return None

    def _user(self) -> Account | None:
        """Return the user as whom the handler publishes and withdraws; None for the caller.

        :raises UsageError: if that user is gone: the handler must not run as the caller then.
        """
        return None if self._settings.run_as is None else run_as.user(self._settings.run_as)

    def prepare(self, publishing: bool, deploying: bool) -> None:
        if self._settings.provider is not None and not publishing:
            return
        findings = self.examine(publishing, deploying)
        if findings.problems:
            raise UsageError(findings.problems)
        if self._settings.env_file is not None:
            self._handler.secrets = env_file.trusted(self._settings.env_file)
        for warning in findings.warnings:
            say_once(logger, warning)

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        calls = self._dialect.perform([self._for_dialect(each) for each in challenges], self._context.facts)
        calls = _with_aliases(calls, challenges)
        self._handler.read_environment(self._user())
        self._handler.printed.clear()
        failures = [failure for call in calls if (failure := self._handler.too_large(call))]
        with self._shown("Publishing", calls):
            failures = failures or carry_out(calls, lambda call: self._publish(call, begin), jobs=self._jobs)
        if failures:
            raise PerformError(failures)

    def _publish(self, call: Call, begin: Callable[[Sequence[Challenge]], None]) -> Steps:
        begin(call.challenges)
        failures = self._write_files(call)
        return failures or (yield from self._counted(call, self._handler.steps(call, publishing=True)))

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        challenges = [end.challenge for end in finished]
        ends = [self._with_output(end) for end in finished]
        unsafe = frozenset(end.challenge.id for end in ends if self._unsafe(end))
        calls = _with_aliases(self._dialect.cleanup(ends, self._context.facts), challenges)
        if not calls:
            return self._remove_files(Call("cleanup", challenges=tuple(challenges)))
        self._handler.read_environment(self._user())
        with self._shown("Withdrawing", calls):
            return carry_out(calls, lambda call: self._withdraw(call, unsafe), jobs=self._jobs, keep_going=True)

    def _with_output(self, end: Finished) -> Finished:
        """Return what the dialect gets for cleanup: with what the handler printed, and without untold aliases."""
        printed = self._handler.heard.get(end.challenge.id)
        # Only recovery has the output of another run.
        output = end.output if self._context.recovering else None
        if printed is not None:
            output = printed.printed if self._abilities.private_output else printed.text
        return dataclasses.replace(end, challenge=self._for_dialect(end.challenge), output=output)

    def _unsafe(self, end: Finished) -> bool:
        """Tell whether the call that withdraws could publish again, and no person has asked for it by name."""
        return heard.unsafe(self._abilities, end.output) and not self._context.deliberate

    def _withdraw(self, call: Call, unsafe: frozenset[str]) -> Steps:
        failures = self._remove_files(call)
        ids = tuple(challenge.id for challenge in call.challenges)
        if not unsafe.isdisjoint(ids):
            return [*failures, Failure(self._context.named(), call.operation, call.identifiers, NOT_CALLED, ids=ids)]
        return failures + (yield from self._counted(call, self._handler.steps(call)))

    @contextlib.contextmanager
    def _shown(self, doing: str, calls: Sequence[Call]) -> Iterator[None]:
        """Show a person how far these calls are."""
        self._context.progress.begin(doing, sum(len(_names(call)) for call in calls))
        try:
            yield
        finally:
            self._context.progress.end()

    def _counted(self, call: Call, steps: Steps) -> Steps:
        """Note when a call begins and ends."""
        self._context.progress.starts(_names(call))
        failures = yield from steps
        self._context.progress.ends(_names(call))
        return failures

    def deploy(self, deployment: Deployment) -> None:
        self._handler.read_environment()
        calls = self._dialect.deploy(deployment, self._context.facts)
        for failure in carry_out(calls, self._handler.steps):
            raise DeployError(failure, deployment.lineage)
        if not calls:
            self._warn(nobody.without_call(self._settings))
            return
        words, handler = self._context.words, self._handler
        unknown = nobody.unknown_operation(calls, handler.declined, handler.silent, preflight.handler_text(words))
        if unknown is not None:
            self._warn(nobody.not_known(command_line.named(words), unknown))

    @staticmethod
    def _warn(sentence: str) -> None:
        """Say something once. With -q, Certbot shows errors only, and a timer's renewal is run like that."""
        if first_time(sentence):
            logger.error("%s", sentence)

    def unchanged(self, deployment: Deployment) -> None:
        self._handler.read_environment()
        calls = self._dialect.unchanged(deployment, self._context.facts)
        for failure in carry_out(calls, self._handler.steps, keep_going=True):
            logger.warning(str(failure))

    def _for_dialect(self, challenge: Challenge) -> Challenge:
        """Return the challenge as the dialect gets it: with the end of an alias only if the dialect uses aliases."""
        if self._tells_aliases:
            return challenge
        return dataclasses.replace(challenge, txt_target=None, txt_zone=None)

    @property
    def kept_outputs(self) -> dict[str, str]:
        """What the calls that succeeded have printed, by challenge id. Empty if the cleanup is not told it."""
        if not self._abilities.told_output:
            return {}
        private = self._abilities.private_output
        outputs = ((id, each.printed if private else each.text) for id, each in self._handler.heard.items())
        return {id: heard.fitting(text, MAX_KEPT_BYTES) for id, text in outputs if text is not None}

    def printed(self, ids: Collection[str]) -> list[Printed]:
        """Return what the calls printed that published these challenges."""
        return about(self._handler.printed, ids)

    def hear(self, listener: Callable[[str, bytes], None]) -> None:
        """Pass on what the handler prints while it publishes.

        :param listener: gets the challenge's id and a piece, and an empty piece when the call has succeeded.
        """
        self._handler.hear = listener

    def states(self, opener: Callable[[str], int]) -> None:
        """Let programs write what their removing counterparts need to descriptors from elsewhere."""
        self._handler.states.opener = opener

    @property
    def _jobs(self) -> int:
        return min(self._settings.jobs, runner.capacity())

    # --- files of the plugin's own ---

    def _write_files(self, call: Call) -> list[Failure]:
        for challenge in self._files(call):
            try:
                webroot.write(self._settings.wellknown or "", challenge.token, challenge.key_authorization)
            except OSError as error:
                return [self._file_failure("writing", challenge, error)]
        return []

    def _remove_files(self, call: Call) -> list[Failure]:
        """Remove what the plugin itself has written for a call, before the handler is called to clean up."""
        failures = []
        for challenge in call.challenges:
            if challenge.served is not None and challenge.server_name is not None:
                # At the end of the run, the plugin tries this again and reports what it cannot remove.
                with contextlib.suppress(OSError):
                    tls_files.remove(os.path.dirname(challenge.served.cert_path), challenge.server_name)
        for challenge in self._files(call):
            try:
                webroot.remove(self._settings.wellknown or "", challenge.token)
            except OSError as error:
                failures.append(self._file_failure("removing", challenge, error))
        return failures

    def _files(self, call: Call) -> list[Challenge]:
        if self._settings.wellknown is None:
            return []
        return [challenge for challenge in call.challenges if challenge.type == http01.TYPE]

    def _file_failure(self, doing: str, challenge: Challenge, error: OSError) -> Failure:
        fix = "Check that --external-auth-wellknown is a directory this user can write to."
        if isinstance(error, FileExistsError):
            fix = f"Another user's file or link of that name is there; run: rm -r {shlex.quote(str(error.filename))}"
        return Failure(
            who="The plugin",
            operation=f"{doing} the http-01 file in {self._settings.wellknown}",
            identifiers=(challenge.identifier,),
            happened=str(error.strerror or error),
            ids=(challenge.id,),
            mend=fix,
        )


def _names(call: Call) -> list[str]:
    """Return the names that are done with this call: none for one that is made before or after all others."""
    return [] if call.operation.startswith(("pre-", "post-")) else [each.identifier for each in call.challenges]


def _with_aliases(calls: Sequence[Call], challenges: Sequence[Challenge]) -> list[Call]:
    """Give calls their whole challenges again, since the schedule keeps calls apart that write at one name."""
    whole = {challenge.id: challenge for challenge in challenges}
    return [
        dataclasses.replace(call, challenges=tuple(whole.get(each.id, each) for each in call.challenges))
        for call in calls
    ]
