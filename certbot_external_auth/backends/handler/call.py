"""Makes one call of a handler: starts it, passes on its output, and decides what its end means."""

from __future__ import annotations

import atexit
import dataclasses
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler import mistakes
from certbot_external_auth.backends.handler.carry_out import Steps, carry_out
from certbot_external_auth.backends.handler.heard import Heard, fitting
from certbot_external_auth.backends.handler.mistakes import Mistake
from certbot_external_auth.backends.handler.states import States
from certbot_external_auth.backends.printed import Printed
from certbot_external_auth.dialects import Call
from certbot_external_auth.errors import NOT_TRIED, Failure
from certbot_external_auth.handler_setup import masking, preflight, run_as
from certbot_external_auth.handler_setup.environment import handler_environment
from certbot_external_auth.interfaces import Dialect, DialectAbilities
from certbot_external_auth.processes import exec_limits
from certbot_external_auth.processes.account import Account
from certbot_external_auth.processes.program import Ended, Program
from certbot_external_auth.providers import wording
from certbot_external_auth.providers.dialect import ProviderDialect
from certbot_external_auth.text import clean

logger = logging.getLogger(__name__)

_called: set[tuple[tuple[str, ...], str, int | None]] = set()
"""Command lines and operations that this process has called, and the ids of the users that it called them as."""
_last: dict[tuple[str, ...], HandlerCaller] = {}
"""By command line, its last caller: the one that makes the call for the end of the process."""


def handlers(words: tuple[str, ...], folder: bool) -> list[tuple[str, ...]]:
    """Return the handler's command line; for a folder of hooks, the command line of each hook.

    :param folder: the dialect allows a folder of hooks.
    """
    if not folder or not os.path.isdir(words[0]):
        return [words]
    hooks = sorted(entry.path for entry in os.scandir(words[0]) if entry.is_file() and os.access(entry, os.X_OK))
    return [(path, *words[1:]) for path in hooks] or [words]


class HandlerCaller:
    """Calls the handler of one lineage.

    :ivar secrets: variables added to its environment, and masked where they are printed.
    :ivar heard: what it printed when it published, by challenge id, if the dialect passes that to the cleanup handler.
    :ivar declined: operations that the handler does not implement.
    :ivar silent: operations at which it printed nothing, and ended with success.
    :ivar hear: called with a challenge's id and each piece of that output as it comes; with an empty piece when the
        call has succeeded.
    :ivar enters: another user as whom it runs can enter the folder in which Certbot was started.
    :ivar printed: the last lines of calls that published, and did not fail.
    :ivar states: keeps what a provider's program must be told when it removes.
    """

    def __init__(self, context: Context, dialect: Dialect, abilities: DialectAbilities) -> None:
        self.secrets: Mapping[str, str] = {}
        self.heard: dict[str, Heard] = {}
        self.hear: Callable[[str, bytes], None] | None = None
        self.declined: set[str] = set()
        self.silent: set[str] = set()
        self.printed: list[Printed] = []
        self.enters = True
        self.states = States()
        self._taken: set[str] = set()
        self._context = context
        self._settings = context.settings
        self._dialect = dialect
        self._abilities = abilities
        self._surroundings: dict[str, str] = {}
        self._masks: tuple[bytes, ...] = ()
        self._size = exec_limits.measure((), {})
        self._limit = 0
        self._user: Account | None = None

    def read_environment(self, user: Account | None = None) -> None:
        """Read the environment for all calls of a batch, and set the user as whom the handler runs; None is the caller.

        Certbot changes its own environment between batches.
        """
        self._user, caller = user, handler_environment(os.environ)
        surroundings = {**(caller if user is None else run_as.environment(caller, user)), **self.secrets}
        own = self._abilities.own_variables
        self._surroundings = {name: value for name, value in surroundings.items() if name not in own}
        more = self._dialect.settings(surroundings) if isinstance(self._dialect, ProviderDialect) else {}
        self._masks = masking.of(self.secrets, {**self._context.facts.exports, **more})
        self._size = exec_limits.measure((), self._surroundings)
        self._limit = exec_limits.system_limit()

    def commands(self) -> list[tuple[tuple[str, ...], str]]:
        """Return every command line that the caller may start, and the flag or the line of a file that has it."""
        if isinstance(self._dialect, ProviderDialect):
            return [(words, wording.FLAG) for words in (self._dialect.known_program,) if words]
        facts, cleanup = self._context.facts, self._context.facts.cleanup_words
        from_config = facts.config is not None and self._settings.handler is None
        origin = f"HOOK in {facts.config}" if from_config else self._context.origin
        more = [(cleanup, "--external-auth-cleanup-handler")] if cleanup else []
        return [*((words, origin) for words in self._handlers()), *more]

    def _handlers(self) -> list[tuple[str, ...]]:
        return handlers(self._context.words, self._abilities.folder)

    def steps(self, call: Call, publishing: bool = False) -> Steps:
        """Make one call. In a folder of hooks every hook is called, and the success of one is enough.

        :param publishing: the cleanup may be told what the handler prints, and an error about the names.
        """
        call = self._fitted(call)
        key = (self._context.words, call.operation, None if self._user is None else self._user.uid)
        if call.once and key in _called:
            return []
        if call.optional and self._settings.historic and call.operation != "unchanged_cert":
            # The plugin of 2016-2020 did not make these calls, and hooks of its time exit with 1 for them.
            return []
        until = self._context.until
        if until is not None and time.monotonic() >= until:
            return [self._untried(call)]
        _called.add(key)
        self._exit_later()
        handlers = [call.words] if call.words is not None else self._handlers()
        # Nothing removes a record that stays, so nothing needs to know what was printed for it.
        keeps = publishing and not any(one.persists for one in call.challenges)
        results = []
        for words in handlers:
            logger.debug("Calling %s: %s", words[0], call.label)
            program = self._program(words, call)
            if self._abilities.private_output:
                ended = yield from self.states.written(call, program, self._hearing(call) if keeps else None)
            else:
                hear = self._hearing(call) if keeps and self._abilities.told_output else None
                ended = yield dataclasses.replace(program, hear=hear)
            results.append((words, ended))
            self._note(call, ended, publishing)
        return self._failures(call, results)

    def _untried(self, call: Call) -> Failure:
        ids = tuple(one.id for one in call.challenges)
        return Failure(self._context.named(), call.operation, call.identifiers, NOT_TRIED, mend="", ids=ids)

    def _failures(self, call: Call, results: Sequence[tuple[tuple[str, ...], Ended]]) -> list[Failure]:
        """Return the failure of a call, if it is one."""
        if any(ended.ok for _, ended in results):
            if not any(ended.tail for _, ended in results):
                self.silent.add(call.operation)
            return []
        refused = [(words, ended) for words, ended in results if self._dialect.supported(call, ended)]
        if not refused:
            logger.info("%s: the handler does not implement it.", call.operation)
            self.declined.add(call.operation)
            return []
        # In a folder of hooks, one that tried and failed says more than those that only declined.
        words, ended = min(
            refused, key=lambda result: result[1].code is not None and result[1].code == call.declined_by
        )
        if call.optional:
            logger.info("%s: %s, which changes nothing: the operation is optional.", call.operation, ended)
            return []
        failure = Failure(
            who=self._context.named(words),
            operation=call.operation,
            identifiers=call.identifiers,
            happened=str(ended),
            output=ended.tail,
            mend=" ".join(map(mistakes.sentence, self.mistakes(words, call, ended))),
            ids=tuple(one.id for one in call.challenges),
        )
        return [failure]

    def too_large(self, call: Call) -> Failure | None:
        """Return a failure if the system would not start a program with so many arguments and variables.

        The caller asks this for every call before it publishes anything.
        """
        words = call.words or self._context.words
        argv = [*words, *call.arguments]
        told = {**call.settings, **call.variables}
        if self._surroundings.keys() & told.keys():
            size = exec_limits.measure(argv, self._environment(call))
        else:
            size = self._size + exec_limits.measure(argv, told)
        reason = exec_limits.too_large(size, self._limit)
        if reason is None:
            return None
        fix = "Start Certbot with a smaller environment"
        if len(call.challenges) > 1:
            # A hook expects the whole batch in a chain, so a chain is never split.
            fix += ", ask for fewer names in one certificate, or give --external-auth-hook-chain no"
        return Failure(self._context.named(words), call.operation, call.identifiers, reason, mend=f"{fix}.")

    def _exit_later(self) -> None:
        """Prepare the dialect's call for the end of the process: one for each handler, about its last lineage."""
        if self._abilities.exit is None or self._settings.historic or self._context.recovering:
            return
        if self._context.words not in _last:
            atexit.register(_exit, self._context.words, os.getpid())
        _last[self._context.words] = self

    def exit(self) -> None:
        """Make the call for the end of the process, as the user of the last call."""
        exception = getattr(sys, "last_value", None)
        error = clean(str(exception) or type(exception).__name__) if exception is not None else ""
        self.read_environment(self._user)
        calls = self._abilities.exit(self._context.facts, error) if self._abilities.exit is not None else ()
        carry_out(calls, self.steps, keep_going=True)

    def _program(self, words: Sequence[str], call: Call) -> Program:
        label = call.label
        return Program(
            [*words, *call.arguments],
            environment=self._environment(call),
            say=lambda line: self._say(label, line),
            stdin=call.document,
            umask=call.umask,
            folder=call.folder or (self._context.folder if self._user is None or self.enters else "/"),
            limit=self._settings.timeout,
            masks=self._masks,
            account=self._user,
        )

    def _environment(self, call: Call) -> dict[str, str]:
        return {**call.settings, **self._surroundings, **call.variables}

    def _say(self, label: str, line: str) -> None:
        """Log a line that the handler printed, and pass it on."""
        logger.info("%s: %s", label, line)
        if self._context.hear is not None:
            self._context.hear(label, line)

    def _note(self, call: Call, ended: Ended, publishing: bool) -> None:
        logger.debug("%s: %s", call.label, ended)
        if publishing and (ended.ok or call.optional):
            ids = tuple(challenge.id for challenge in call.challenges)
            failed = "" if ended.ok else str(ended)
            self.printed.append(Printed(call.operation, call.identifiers, ids, ended.tail, failed))
        names = {challenge.record_name for challenge in call.challenges if challenge.txt_domain}
        if not publishing:
            self._taken -= names
        elif ended.ok:
            self._taken |= names
        for challenge in call.challenges if publishing else ():
            if challenge.id in self.heard:
                self.heard[challenge.id].ended = ended.ok
                if ended.ok and self.hear is not None:
                    self.hear(challenge.id, b"")

    def _hearing(self, call: Call) -> Callable[[bytes], None]:
        ids = [challenge.id for challenge in call.challenges]
        self.heard.update((each, Heard()) for each in ids)

        def hear(data: bytes) -> None:
            for each in ids:
                self.heard[each].add(data)
                if self.hear is not None and not self._abilities.private_output:
                    self.hear(each, data)

        return hear

    def _fitted(self, call: Call) -> Call:
        """Cut the output in a call's variable to its end, if a program cannot get all of it."""
        name = self._abilities.output_variable
        whole = call.variables.get(name) if name else None
        if not name or not whole:
            return call
        argv = [*(call.words or self._context.words), *call.arguments]
        rest = exec_limits.measure(argv, {**self._environment(call), name: ""})
        text = fitting(whole, exec_limits.room(name, rest, self._limit))
        if text == whole:
            return call
        logger.warning(
            "%s: the handler printed %d bytes when it published, more than a variable can hold; %s has the last %d of "
            "them.",
            call.label,
            len(os.fsencode(whole)),
            name,
            len(os.fsencode(text)),
        )
        return dataclasses.replace(call, variables={**call.variables, name: text})

    def mistakes(self, words: Sequence[str], call: Call, ended: Ended) -> list[Mistake]:
        """Return what may be wrong with the handler, if a call of it has failed."""
        names = {one.record_name for one in call.challenges} & self._taken
        taken = min(names) if names and len(call.challenges) == 1 else None
        script = "" if self._settings.provider is not None else preflight.handler_text(words)
        return mistakes.likely(call, ended, self._settings.dialect, script, taken, words)


def _exit(words: tuple[str, ...], process_id: int) -> None:
    if os.getpid() == process_id:
        _last[words].exit()
