"""Backend `json`: whatever started Certbot publishes, told by lines on stdout and answering on stdin."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.errors import DeployError, DriverError, Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.collector import Collector, skip_early
from certbot_external_auth.protocol.stream import Stream, opened

CLEANUP_LIMIT = 60.0
WHO = "The program that drives Certbot"
HINT = (
    "external-auth: waiting for {count} answer(s) on this terminal. Type one line for each, for example "
    '{{"id": "{id}", "ok": true}}, or {{"ok": true}} for all{newline}.'
)


@implementer(IBackend)
class JsonBackend:
    """See `IBackend`."""

    challenge_types = TYPES
    told_aliases = True

    def __init__(self, context: Context) -> None:
        self._context = context
        self._protocol = context.settings.protocol
        self._stream: Stream = opened()
        self._limit = self._stream.channel.deadline or context.settings.ack_timeout

    def prepare(self, publishing: bool, deploying: bool) -> None:
        channel = self._stream.channel
        if self._stream.broken and (publishing or deploying):
            raise UsageError(["The program that started Certbot reads no lines, so nobody can be told what to do."])
        if self._context.renewing and (publishing or deploying) and (channel.terminal or channel.nobody()):
            raise UsageError(
                [
                    "This certificate's renewal file says mode json, but nobody is there to answer: stdin is "
                    f"{'a terminal' if channel.terminal else 'at its end'}. Start 'certbot renew' from the program "
                    "that publishes its challenges, with a pipe on stdin and stdout, or switch to a script: certbot "
                    "reconfigure --cert-name NAME --external-auth-mode handler --external-auth-handler PATH"
                ]
            )

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        if self._protocol == 0:
            self._perform_historic(challenges, begin)
            return
        names = {challenge.id: challenge.identifier for challenge in challenges}
        if self._stream.forgotten:
            happened = "nobody has finished the session in time"
            raise PerformError([Failure(WHO, "perform_challenge", tuple(names.values()), happened)])
        skip_early(self._stream)
        deadline = time.monotonic() + self._limit
        begin(challenges)
        for challenge in challenges:
            self._stream.ledger.expect(challenge.id, "perform_challenge", deadline)
            self._stream.emit(lines.perform_challenge(challenge))
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self._limit)
        self._stream.emit(lines.waiting(challenges, until))
        self._hint(list(names), newline=True)
        failures = Collector(self._stream, list(names), first_failure_ends=True).wait()
        self._stream.ledger.close(names)
        if failures:
            late = any(why.problem["type"] == "answer.timeout" for why in failures.values())
            self._stream.forgotten = late and self._stream.channel.session
            raise PerformError(
                [Failure(WHO, "perform_challenge", (names[one],), why.happened) for one, why in failures.items()],
                {one: why.problem for one, why in failures.items()},
            )

    def _perform_historic(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        """One line, one newline, next line."""
        channel = self._stream.channel
        for challenge in challenges:
            begin([challenge])
            self._stream.emit(lines.perform_challenge(challenge))
            if channel.terminal:
                print("external-auth: press Enter when this is published.", file=sys.stderr, flush=True)
            if channel.receive(time.monotonic() + self._limit) is None:
                happened = "its input ended" if channel.ended else "it did not answer in time"
                raise PerformError([Failure(WHO, "perform_challenge", (challenge.identifier,), happened)])

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        stream = self._stream
        ids = [one.challenge.id for one in finished]
        try:
            failures = self._ask_cleanup(finished)
        except DriverError as error:
            failures = dict.fromkeys(ids, str(error))
        stream.ledger.close(ids)
        stream.unconfirmed += failures
        names = {one.challenge.id: one.challenge.identifier for one in finished}
        return [Failure(WHO, "cleanup", (names[one],), happened, ids=(one,)) for one, happened in failures.items()]

    def _ask_cleanup(self, finished: Sequence[Finished]) -> dict[str, str]:
        """Send all lines, then wait for all; the result says what was not confirmed, and why."""
        stream = self._stream
        if self._protocol == 1:
            # Nobody but the answers of this phase settles its lines: a challenge and its cleanup have one id.
            stream.ledger.close(one.challenge.id for one in finished)
            skip_early(stream)
        for one in finished:
            if self._protocol == 1:
                deadline = time.monotonic() + CLEANUP_LIMIT
                stream.ledger.expect(one.challenge.id, "cleanup", deadline, extendable=False)
            stream.emit(lines.cleanup(one.challenge, one.cleanup_status, one.problem))
        if self._protocol == 0:
            return {}
        ids = [one.challenge.id for one in finished]
        self._hint(ids, newline=False)
        with stream.channel.while_somebody_is_there():
            failures = Collector(stream, ids, first_failure_ends=False).wait()
        return {one: why.happened for one, why in failures.items()}

    def deploy(self, deployment: Deployment) -> None:
        stream = self._stream
        if self._protocol == 1:
            skip_early(stream)
            deadline = time.monotonic() + self._limit
            stream.ledger.expect(deployment.id, "deploy_cert", deadline)
        try:
            stream.emit(lines.certificate("deploy_cert", deployment))
            if self._protocol == 0:
                return
            self._hint([deployment.id], newline=False)
            why = Collector(stream, [deployment.id], first_failure_ends=False).wait().get(deployment.id)
            happened = None if why is None else why.happened
        except DriverError as error:
            happened = str(error)
        if happened is not None:
            stream.ledger.close([deployment.id])
            stream.unconfirmed.append(deployment.id)
            stream.failed = True
            raise DeployError(Failure(WHO, "deploy_cert", (deployment.domain,), happened), deployment.lineage)

    def unchanged(self, deployment: Deployment) -> None:
        if self._protocol == 1:
            self._stream.emit(lines.certificate("unchanged_cert", deployment))

    def _hint(self, ids: Sequence[str], newline: bool) -> None:
        if ids and self._stream.channel.terminal and self._protocol == 1:
            more = "; an empty line (Enter) does for the oldest" if newline else ""
            print(HINT.format(count=len(ids), id=ids[0], newline=more), file=sys.stderr, flush=True)
