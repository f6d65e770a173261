"""Backend `json`: whatever started Certbot publishes, told by lines on stdout and answering on stdin."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth import lines
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.answers import Answer, AnswerError, parse
from certbot_external_auth.backends.stream import Stream, opened
from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.errors import DeployError, DriverError, Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lines import Deployment

CLEANUP_LIMIT = 60.0
RUBBISH_LIMIT = 100
"""Lines that are no answers after which a driver is not listened to any more."""
WHO = "The program that drives Certbot"
HINT = (
    "external-auth: waiting for {count} answer(s) on this terminal. Type one line for each, for example "
    '{{"id": "{id}", "ok": true}}, or {{"ok": true}} for all{newline}.'
)


@implementer(IBackend)
class JsonBackend:
    """See `IBackend`."""

    challenge_types = TYPES

    def __init__(self, context: Context) -> None:
        self._context = context
        self._protocol = context.settings.protocol
        self._stream: Stream = opened()

    def prepare(self, publishing: bool, deploying: bool) -> None:
        channel = self._stream.channel
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
        limit = self._context.settings.ack_timeout
        deadline = time.monotonic() + limit
        begin(challenges)
        for challenge in challenges:
            self._stream.ledger.expect(challenge.id, "perform_challenge", deadline)
            self._stream.emit(lines.perform_challenge(challenge))
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=limit)
        self._stream.emit(lines.waiting(challenges, until))
        self._hint([challenge.id for challenge in challenges], newline=True)
        failures = self._collect([challenge.id for challenge in challenges], stop_at_failure=True)
        names = {challenge.id: challenge.identifier for challenge in challenges}
        if failures:
            self._stream.ledger.close(names)
            raise PerformError(
                [
                    Failure(WHO, "perform_challenge", (names[one],), happened, mend="")
                    for one, happened in failures.items()
                ]
            )

    def _perform_historic(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        """One line, one newline, next line."""
        channel = self._stream.channel
        for challenge in challenges:
            begin([challenge])
            self._stream.emit(lines.perform_challenge(challenge))
            if channel.terminal:
                print("external-auth: press Enter when this is published.", file=sys.stderr, flush=True)
            if channel.receive(time.monotonic() + self._context.settings.ack_timeout) is None:
                happened = "its input ended" if channel.ended else "it did not answer in time"
                raise PerformError([Failure(WHO, "perform_challenge", (challenge.identifier,), happened)])

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        stream = self._stream
        ids = [one.challenge.id for one in finished]
        try:
            for one in finished:
                if self._protocol == 1:
                    stream.ledger.expect(one.challenge.id, "cleanup", time.monotonic() + CLEANUP_LIMIT)
                stream.emit(lines.cleanup(one.challenge, one.cleanup_status, one.problem))
            self._hint(ids, newline=False)
            failures = self._collect(ids, extendable=False) if self._protocol == 1 else {}
        except DriverError as error:
            failures = dict.fromkeys(ids, str(error))
        stream.ledger.close(ids)
        stream.unconfirmed += failures
        names = {one.challenge.id: one.challenge.identifier for one in finished}
        return [Failure(WHO, "cleanup", (names[one],), happened) for one, happened in failures.items()]

    def deploy(self, deployment: Deployment) -> None:
        stream = self._stream
        if self._protocol == 1:
            deadline = time.monotonic() + self._context.settings.ack_timeout
            stream.ledger.expect(deployment.id, "deploy_cert", deadline)
        try:
            stream.emit(lines.certificate("deploy_cert", deployment))
            if self._protocol == 0:
                return
            self._hint([deployment.id], newline=False)
            happened = self._collect([deployment.id]).get(deployment.id)
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

    def _collect(self, ids: Sequence[str], stop_at_failure: bool = False, extendable: bool = True) -> dict[str, str]:
        """Wait until every line is answered; the result says for each that was not confirmed why not."""
        stream, failures, rubbish = self._stream, dict[str, str](), 0
        while waiting := stream.ledger.open(ids):
            if stop_at_failure and failures:
                break
            deadline = min(one.deadline for one in waiting)
            line = stream.channel.receive(deadline)
            if line is None:
                happened = "its input ended" if stream.channel.ended else "it did not answer in time"
                code = "answer.end_of_input" if stream.channel.ended else "answer.timeout"
                late = [one for one in waiting if stream.channel.ended or one.deadline <= time.monotonic()]
                failures.update((one.id, happened) for one in late)
                stream.ledger.close(one.id for one in late)
                for one in late:
                    stream.error(code, f"No answer for {one.id} ({one.cmd}): {happened}.", one.id)
                continue
            try:
                settled = stream.ledger.apply(parse(line), time.monotonic(), extendable)
            except AnswerError as error:
                stream.error("answer.unknown_id" if "was sent" in str(error) else "answer.malformed", str(error))
                rubbish += 1
                if stop_at_failure or rubbish >= RUBBISH_LIMIT:
                    failures.update((one.id, str(error)) for one in waiting)
                    stream.ledger.close(ids)
                continue
            failures.update(self._refusals([(one.id, one.answer) for one in settled]))
        return failures

    def _refusals(self, settled: Sequence[tuple[str, Answer]]) -> dict[str, str]:
        refusals = {}
        for identifier, answer in settled:
            if answer.ok is False:
                reason = ": ".join(filter(None, (answer.code, answer.message))) or "no reason given"
                refusals[identifier] = f"it refused ({reason})"
                self._stream.error("answer.refused", f"{identifier} was refused ({reason}).", identifier)
        return refusals
