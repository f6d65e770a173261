"""Backend `json`: the driver (the program that started Certbot) gets JSON lines, publishes, and answers each line."""

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
from certbot_external_auth.lineages import change
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.collector import Collector, Unconfirmed, skip_early
from certbot_external_auth.protocol.stream import Stream, opened

MAX_CLEANUP_SECONDS = 60.0
"""Time for the answers to all cleanup lines. The run is over then, so the driver cannot ask for more."""
DRIVER = "The program that drives Certbot"
HINT = (
    "external-auth: waiting for {count} answer(s) on this terminal. Type one line for each, for example "
    '{{"id": "{id}", "ok": true}}, or {{"ok": true}} for all{newline}.'
)


@implementer(IBackend)
class JsonBackend:
    """The backend for protocol 1; see `IBackend`. `historic_lines` is the one for protocol 0."""

    challenge_types = TYPES
    told_aliases = True
    persists = True

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stream: Stream = opened()
        self._max_seconds = self._stream.channel.deadline or context.settings.ack_timeout

    def prepare(self, publishing: bool, deploying: bool) -> None:
        if publishing or deploying:
            require_driver(self._stream, self._context)

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        names = {challenge.id: challenge.identifier for challenge in challenges}
        if self._stream.forgotten:
            happened = "no program finished the session in time"
            raise PerformError([Failure(DRIVER, "perform_challenge", tuple(names.values()), happened)])
        skip_early(self._stream)
        deadline = time.monotonic() + self._max_seconds
        begin(challenges)
        for challenge in challenges:
            self._stream.ledger.expect(challenge.id, "perform_challenge", deadline)
            self._stream.emit(lines.perform_challenge(challenge))
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self._max_seconds)
        self._stream.emit(lines.waiting(challenges, until))
        self._hint(list(names), newline=True)
        failures = Collector(self._stream, list(names), first_failure_ends=True).wait()
        self._stream.ledger.close(names)
        if failures:
            self._refuse(names, failures)

    def _refuse(self, names: dict[str, str], failures: dict[str, Unconfirmed]) -> None:
        """:param names: identifiers by challenge id. :raises PerformError: always."""
        late = any(why.problem["type"] == "answer.timeout" for why in failures.values())
        self._stream.forgotten = late and self._stream.channel.session
        raise PerformError(
            [Failure(DRIVER, "perform_challenge", (names[id],), why.happened) for id, why in failures.items()],
            {id: why.problem for id, why in failures.items()},
        )

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        ids = [end.challenge.id for end in finished]
        try:
            reasons = {id: why.happened for id, why in self._ask_cleanup(finished).items()}
        except DriverError as error:
            reasons = dict.fromkeys(ids, str(error))
        self._stream.ledger.close(ids)
        return not_withdrawn(self._stream, finished, reasons)

    def _ask_cleanup(self, finished: Sequence[Finished]) -> dict[str, Unconfirmed]:
        """Send all lines, then wait for all answers. Return what was not confirmed, by challenge id."""
        stream = self._stream
        ids = [end.challenge.id for end in finished]
        # A challenge and its cleanup have the same id, so only answers that come from now on may settle it.
        stream.ledger.close(ids)
        skip_early(stream)
        for end in finished:
            deadline = time.monotonic() + MAX_CLEANUP_SECONDS
            stream.ledger.expect(end.challenge.id, "cleanup", deadline, extendable=False)
            stream.emit(lines.cleanup(end.challenge, end.cleanup_status, end.problem))
        self._hint(ids, newline=False)
        with stream.channel.while_connected():
            return Collector(stream, ids, first_failure_ends=False).wait()

    def deploy(self, deployment: Deployment) -> None:
        stream = self._stream
        skip_early(stream)
        stream.ledger.expect(deployment.id, "deploy_cert", time.monotonic() + self._max_seconds)
        try:
            stream.emit(lines.certificate("deploy_cert", deployment))
            self._hint([deployment.id], newline=False)
            why = Collector(stream, [deployment.id], first_failure_ends=False).wait().get(deployment.id)
            happened = None if why is None else why.happened
        except DriverError as error:
            happened = str(error)
        if happened is not None:
            stream.ledger.close([deployment.id])
            raise not_deployed(stream, deployment, happened)

    def unchanged(self, deployment: Deployment) -> None:
        self._stream.emit(lines.certificate("unchanged_cert", deployment))

    def _hint(self, ids: Sequence[str], newline: bool) -> None:
        """Show a person at a terminal what to type. :param newline: whether an empty line counts as an answer."""
        if ids and self._stream.channel.terminal:
            more = "; an empty line (Enter) confirms the oldest" if newline else ""
            print(HINT.format(count=len(ids), id=ids[0], newline=more), file=sys.stderr, flush=True)


def require_driver(stream: Stream, context: Context) -> None:
    """Check that a driver is there to publish or to deploy.

    :raises UsageError: if there is none.
    """
    if stream.broken:
        raise UsageError(
            [
                "The program that started Certbot reads no lines, so the plugin cannot tell it what to do. Let it read "
                "stdout until the end."
            ]
        )
    channel = stream.channel
    if context.renewing and channel.unattended:
        raise UsageError(
            [
                "This certificate's renewal file says mode json, but no program is there to answer: stdin is "
                f"{'a terminal' if channel.terminal else 'at its end'}. Start 'certbot renew' from the program "
                "that publishes its challenges, with a pipe on stdin and stdout, or switch to a script: "
                f"{_switch(context)}"
            ]
        )


def _switch(context: Context) -> str:
    """Return the command that makes a handler the publisher of a certificate."""
    flags = ("--external-auth-mode", "handler", "--external-auth-handler", "PATH")
    words = context.repeat
    installer = words[words.index("-i") + 1] if "-i" in words else None
    return change.command(context.facts.alias or "NAME", flags, installer)


def not_withdrawn(stream: Stream, finished: Sequence[Finished], reasons: dict[str, str]) -> list[Failure]:
    """Note the challenges that the driver did not confirm as withdrawn. :param reasons: by challenge id."""
    stream.note_unconfirmed(reasons)
    names = {end.challenge.id: end.challenge.identifier for end in finished}
    return [Failure(DRIVER, "cleanup", (names[id],), happened, ids=(id,)) for id, happened in reasons.items()]


def not_deployed(stream: Stream, deployment: Deployment, happened: str) -> DeployError:
    """Note that the driver did not confirm a certificate, and return the error for it."""
    stream.note_unconfirmed([deployment.id])
    stream.note_failure()
    return DeployError(Failure(DRIVER, "deploy_cert", (deployment.domain,), happened), deployment.lineage)
