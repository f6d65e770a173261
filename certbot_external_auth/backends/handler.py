"""Backend `handler`: a script for each challenge, or one for all of them."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import logging
import os
import sys
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth import call_size, env_file, preflight, process, tls_files, webroot
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import Challenge, http01
from certbot_external_auth.dialects import Call, dialect, recognise
from certbot_external_auth.environment import handler_environment
from certbot_external_auth.errors import DeployError, Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lines import Deployment
from certbot_external_auth.program import Ended
from certbot_external_auth.text import clean

logger = logging.getLogger(__name__)

SECRET_LENGTH = 6
_said: set[str] = set()
_called: set[tuple[tuple[str, ...], str]] = set()
"""Commands and operations called in this process."""


@implementer(IBackend)
class HandlerBackend:
    """See `IBackend`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._dialect = dialect(context.settings.dialect)
        self.challenge_types = self._dialect.challenge_types
        self._secrets: dict[str, str] = {}
        self._outputs: dict[str, str] = {}

    def examine(self) -> preflight.Findings:
        """What can be known about the handler and its files without calling it."""
        search_path = handler_environment(os.environ)["PATH"]
        ids = preflight.trusted_ids()
        findings = preflight.Findings()
        for words in self._commands():
            findings.add(preflight.check_command(words, search_path, ids))
        if self._settings.wellknown is not None:
            problem = webroot.problem(self._settings.wellknown)
            findings.problems.extend([problem] if problem else [])
        if self._settings.env_file is not None:
            problem = env_file.problem(self._settings.env_file)
            findings.problems.extend([problem] if problem else [])
        return findings

    def prepare(self, publishing: bool, deploying: bool) -> None:
        findings = self.examine()
        if findings.problems:
            raise UsageError(findings.problems)
        if self._settings.env_file is not None:
            self._secrets = env_file.read(self._settings.env_file)
        for warning in findings.warnings:
            if warning not in _said:
                _said.add(warning)
                logger.warning(warning)

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        calls = self._dialect.perform(challenges, self._context.facts)
        failures = [failure for call in calls if (failure := self._too_large(call))]
        if failures:
            raise PerformError(failures)
        for call in calls:
            begin(call.challenges)
            failure = self._write_files(call) or self._start(call)
            if failure:
                raise PerformError([failure])

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        finished = [dataclasses.replace(one, output=self._outputs.pop(one.challenge.id, "")) for one in finished]
        calls = self._dialect.cleanup(finished, self._context.facts)
        failures = []
        for call in calls:
            failures += self._remove_files(call)
            failure = self._start(call)
            failures += [failure] if failure else []
        if not calls:
            failures += self._remove_files(Call("cleanup", challenges=tuple(one.challenge for one in finished)))
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

    # --- calling ---

    def _commands(self) -> list[tuple[str, ...]]:
        """Every command line that may be called."""
        cleanup = self._context.facts.cleanup_words
        return [*self._handlers(), *([cleanup] if cleanup else [])]

    def _handlers(self) -> list[tuple[str, ...]]:
        """The handler; in a dialect that has folders of hooks, each hook of the folder."""
        words = self._context.words
        if not getattr(self._dialect, "folder", False) or not os.path.isdir(words[0]):
            return [words]
        found = sorted(entry.path for entry in os.scandir(words[0]) if entry.is_file() and os.access(entry, os.X_OK))
        return [(path, *words[1:]) for path in found] or [words]

    def _start(self, call: Call) -> Failure | None:
        """One call; in a folder of hooks every one is called, and one that did it is enough."""
        key = (self._context.words, call.operation)
        if call.once and key in _called:
            return None
        if call.optional and self._settings.historic and call.operation != "unchanged_cert":
            # The plugin of 2016-2020 did not call these, and hooks of its time end with 1 when they are.
            return None
        _called.add(key)
        self._exit_later()
        handlers = [call.words] if call.words is not None else self._handlers()
        results = [(words, self._run(words, call)) for words in handlers]
        if any(ended.ok for _, ended in results):
            return None
        refused = [(words, ended) for words, ended in results if self._dialect.supported(call, ended)]
        if not refused:
            logger.info("%s: the handler does not implement it.", call.operation)
            return None
        words, ended = refused[0]
        if call.optional:
            logger.info("%s: %s, which changes nothing: the operation is optional.", call.operation, ended)
            return None
        return Failure(
            who=f"The handler {words[0]}",
            operation=call.operation,
            identifiers=call.identifiers,
            happened=str(ended),
            output=tuple(map(self._masked, ended.tail)),
            mend=self._mend(words, call, ended),
        )

    def _too_large(self, call: Call) -> Failure | None:
        """What would not fit through the start of a program, said before anything is published."""
        words = call.words or self._context.words
        reason = call_size.too_large([*words, *call.arguments], self._environment(call), call_size.system_limit())
        if reason is None:
            return None
        mend = "Start Certbot with a smaller environment"
        if len(call.challenges) > 1:
            # A hook takes a chain for the whole of what is to be published, so it is never cut into two.
            mend += ", ask for fewer names in one certificate, or give --external-auth-hook-chain no"
        return Failure(f"The handler {words[0]}", call.operation, call.identifiers, reason, mend=f"{mend}.")

    def _environment(self, call: Call) -> dict[str, str]:
        return {**handler_environment(os.environ), **self._secrets, **call.variables}

    def _exit_later(self) -> None:
        """A dialect may have a call for the end of the process, made once for each handler."""
        key = (self._context.words, "")
        if key not in _called and hasattr(self._dialect, "exit") and not self._settings.historic:
            _called.add(key)
            atexit.register(self._exit, os.getpid())

    def _exit(self, process_id: int) -> None:
        if os.getpid() != process_id:
            return
        exception = getattr(sys, "last_value", None)
        error = clean(str(exception) or type(exception).__name__) if exception is not None else ""
        for call in self._dialect.exit(self._context.facts, error):
            self._start(call)

    def _run(self, words: Sequence[str], call: Call) -> Ended:
        label = " ".join([call.operation, *call.identifiers[:3], *(["…"] if len(call.identifiers) > 3 else [])])
        logger.debug("Calling %s: %s", words[0], label)
        ended = process.run(
            [*words, *call.arguments],
            environment=self._environment(call),
            say=lambda line: logger.info("%s: %s", label, self._masked(line)),
            stdin=call.document,
            umask=call.umask,
            folder=call.folder,
            limit=self._settings.timeout,
        )
        logger.debug("%s: %s", label, ended)
        for challenge in call.challenges:
            self._outputs[challenge.id] = ended.stdout
        return ended

    def _masked(self, line: str) -> str:
        """A line of output without the values of the env file; a very short value would hit everything."""
        for value in self._secrets.values():
            if len(value) >= SECRET_LENGTH:
                line = line.replace(value, "***")
        return line

    def _mend(self, words: Sequence[str], call: Call, ended: Ended) -> str:
        if ended.timed_out:
            return "Give it more time with --external-auth-timeout, or find out what it waits for."
        sentences = [f"This can mean: {call.declined}."] if call.declined and ended.code else []
        other = recognise.likely(self._settings.dialect, ended, preflight.script_text(words[0]))
        if other is not None:
            sentences.append(f"It looks like a hook of another dialect: --external-auth-dialect {other}")
        elif not ended.tail:
            sentences.append("It printed nothing; let it say on stderr what is wrong.")
        return " ".join(sentences)

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
