"""Backend `json` in protocol 0, as the plugin of 2016-2020 had it.

The driver gets one line, answers with one newline, and gets the next line. It confirms challenges only: nothing answers
the lines for cleanup and certificates.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.json_lines import DRIVER, not_deployed, not_withdrawn, require_driver
from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.errors import DriverError, Failure, PerformError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.stream import Stream, opened


@implementer(IBackend)
class HistoricBackend:
    """The backend for protocol 0; see `IBackend`."""

    challenge_types = TYPES
    told_aliases = True

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stream: Stream = opened()

    def prepare(self, publishing: bool, deploying: bool) -> None:
        if publishing or deploying:
            require_driver(self._stream, self._context)

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        channel = self._stream.channel
        for challenge in challenges:
            begin([challenge])
            self._stream.emit(lines.perform_challenge(challenge))
            if channel.terminal:
                print("external-auth: press Enter when this is published.", file=sys.stderr, flush=True)
            if channel.receive(time.monotonic() + self._context.settings.ack_timeout) is None:
                happened = "its input ended" if channel.ended else "it did not answer in time"
                raise PerformError([Failure(DRIVER, "perform_challenge", (challenge.identifier,), happened)])

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        reasons: dict[str, str] = {}
        try:
            for end in finished:
                self._stream.emit(lines.cleanup(end.challenge, end.cleanup_status, end.problem))
        except DriverError as error:
            # The driver may not have read the lines before this one either.
            reasons = {end.challenge.id: str(error) for end in finished}
        return not_withdrawn(self._stream, finished, reasons)

    def deploy(self, deployment: Deployment) -> None:
        try:
            self._stream.emit(lines.certificate("deploy_cert", deployment))
        except DriverError as error:
            raise not_deployed(self._stream, deployment, str(error)) from error

    def unchanged(self, deployment: Deployment) -> None:
        """Do nothing: protocol 0 has no line for it."""
