"""Backend `handler`: a script for each challenge, or one for all of them."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth import preflight, process, tls_files, webroot
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import Challenge, http01
from certbot_external_auth.dialects import Call, dialect
from certbot_external_auth.environment import handler_environment
from certbot_external_auth.errors import DeployError, Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lines import Deployment

logger = logging.getLogger(__name__)

_said: set[str] = set()


@implementer(IBackend)
class HandlerBackend:
    """See `IBackend`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._dialect = dialect(context.settings.dialect)
        self.challenge_types = self._dialect.challenge_types

    def prepare(self, publishing: bool, deploying: bool) -> None:
        environment = handler_environment(os.environ)
        findings = preflight.check_command(self._context.words, environment["PATH"], preflight.trusted_ids())
        if self._settings.wellknown is not None:
            problem = webroot.problem(self._settings.wellknown)
            findings.problems.extend([problem] if problem else [])
        if findings.problems:
            raise UsageError(findings.problems)
        for warning in findings.warnings:
            if warning not in _said:
                _said.add(warning)
                logger.warning(warning)

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        for call in self._dialect.perform(challenges, self._context.facts):
            begin(call.challenges)
            failure = self._write_files(call) or self._start(call)
            if failure:
                raise PerformError([failure])

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        failures = []
        for call in self._dialect.cleanup(finished, self._context.facts):
            failures += self._remove_files(call)
            failure = self._start(call)
            failures += [failure] if failure else []
        return failures

    def deploy(self, deployment: Deployment) -> None:
        for call in self._dialect.deploy(deployment, self._context.facts):
            failure = self._start(call)
            if failure:
                raise DeployError(failure, deployment.lineage)

    def unchanged(self, deployment: Deployment) -> None:
        for call in self._dialect.unchanged(deployment, self._context.facts):
            failure = self._start(call)
            if failure:
                logger.warning(str(failure))

    def _start(self, call: Call) -> Failure | None:
        label = " ".join([call.operation, *call.identifiers[:3], *(["…"] if len(call.identifiers) > 3 else [])])
        logger.debug("Calling %s: %s", self._context.words[0], label)
        ended = process.run(
            [*self._context.words, *call.arguments],
            environment={**handler_environment(os.environ), **call.variables},
            say=lambda line: logger.info("%s: %s", label, line),
            stdin=call.document,
            umask=call.umask,
            limit=self._settings.timeout,
        )
        logger.debug("%s: %s", label, ended)
        if ended.ok:
            return None
        if not self._dialect.supported(call, ended):
            logger.info("%s: the handler does not implement it.", label)
            return None
        return Failure(
            who=f"The handler {self._context.words[0]}",
            operation=call.operation,
            identifiers=call.identifiers,
            happened=str(ended),
            output=ended.tail,
            mend=self._mend(ended),
        )

    def _mend(self, ended: process.Ended) -> str:
        if ended.timed_out:
            return "Give it more time with --external-auth-timeout, or find out what it waits for."
        return "" if ended.tail else "It printed nothing; let it say on stderr what is wrong."

    def _write_files(self, call: Call) -> Failure | None:
        for challenge in self._files(call):
            try:
                webroot.write(self._settings.wellknown or "", challenge.token, challenge.key_authorization)
            except OSError as error:
                return self._file_failure("writing", challenge, error)
        return None

    def _remove_files(self, call: Call) -> list[Failure]:
        """What the plugin itself wrote for the challenges of a call is gone before the handler is called to clean."""
        failures = []
        for challenge in call.challenges:
            if challenge.served is not None and challenge.server_name is not None:
                # What cannot be removed now is tried again, and reported, at the end of the run's cleanup.
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
        return Failure(
            who="The plugin",
            operation=f"{doing} the http-01 file in {self._settings.wellknown}",
            identifiers=(challenge.identifier,),
            happened=str(error.strerror or error),
            mend="See that --external-auth-wellknown is a directory this user may write to.",
        )
