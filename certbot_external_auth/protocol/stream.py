"""The process's stream of JSON lines: numbering, `hello` first, `summary` last, whatever happens in between."""

from __future__ import annotations

import atexit
import contextlib
import datetime
import json
import logging
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from certbot import errors

from certbot_external_auth import __version__, text
from certbot_external_auth.errors import DriverError, problem_text
from certbot_external_auth.protocol import error_codes, lines
from certbot_external_auth.protocol.answers import Ledger
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.settings import SESSION

SEND_LIMIT = 60.0
"""Seconds a driver may leave a line unread."""
_RENEWAL_LOGGER = "certbot._internal.renewal"
_RENEWAL_FAILED = "Failed to renew certificate %s with error: %s"

Saved = list[tuple[str, str]]
Lineages = list[dict[str, Any]]


class Stream:
    """One for the process: Certbot makes a new plugin object for every lineage it renews.

    :ivar forgotten: a batch of a session was not finished in time, so no other will be.
    """

    def __init__(self, channel: Channel, default_protocol: Callable[[], int] = lambda: 1) -> None:
        """:param default_protocol: asked when there is something to say before the plugin was asked for anything."""
        self.channel = channel
        self._run = str(uuid.uuid4())
        channel.run = self._run
        self.ledger = Ledger(self._run)
        self._default_protocol = default_protocol
        self.unconfirmed: list[str] = []
        self.counts: Counter[str] = Counter()
        self.failed = False
        self.forgotten = False
        self.at_exit: Callable[[], tuple[Saved, Lineages]] = lambda: ([], [])
        self._protocol: int | None = None
        self._sequence = 0
        self._greeted = False
        self._finished = False
        self._broken = False

    @property
    def greeted(self) -> bool:
        """Whether `hello` was said."""
        return self._greeted

    @property
    def broken(self) -> bool:
        """Whether a line could not be sent; then no other is."""
        return self._broken

    def contact(self, protocol: int, leftover: Sequence[Line] = ()) -> None:
        """The plugin is asked for something: from here on there is something to say. If nobody is there to hear it,
        that is said when something depends on it; see `broken`.

        :param leftover: what earlier runs left behind, see `recovery.telling`.
        """
        # The verbs of a session understand no other.
        self._protocol = 1 if self.channel.session else protocol
        if self._protocol == 1 and not self._greeted:
            self._greeted = True
            with contextlib.suppress(DriverError):
                self.emit(
                    {
                        "cmd": "hello",
                        "protocol": lines.PROTOCOL,
                        "plugin": __version__,
                        "certbot": _certbot_version(),
                        "features": list(lines.FEATURES),
                        "leftover": list(leftover),
                    }
                )

    @property
    def historic(self) -> bool:
        return self._protocol == 0

    def emit(self, line: Line) -> None:
        """Send a line, in protocol 0 without what that does not know.

        :raises DriverError: if the driver is gone.
        """
        if self.historic:
            sent = lines.historic(line)
        else:
            self._sequence += 1
            moment = datetime.datetime.now(datetime.timezone.utc)
            sent = {**line, "seq": self._sequence, "run": self._run, "ts": text.rfc3339(moment)}
        if self._broken:
            raise DriverError("The program that started Certbot is gone.")
        try:
            self.channel.send(json.dumps(sent).encode() + b"\n", time.monotonic() + SEND_LIMIT)
        except DriverError:
            # Half a line may be out; whatever followed could not be told from it.
            self._broken = True
            raise
        self.counts[line["cmd"]] += 1

    def error(self, code: str, message: str, identifier: str | None = None) -> None:
        """An `error` line; in protocol 0, and where nobody reads any more, nothing."""
        self._complain(lines.error(code, text.clean(message), identifier))

    def exception(self, exception: BaseException, lineage: str | None = None) -> None:
        """An `error` line for what ended the run, or the renewal of one certificate."""
        if self._protocol is None:
            self.contact(self._default_protocol())
        problem = error_codes.problem_of(exception)
        said = str(exception) or _stopped(exception) or (problem_text(problem) if problem else type(exception).__name__)
        message = text.clean(said)
        told = {key: text.clean(value) for key, value in problem.items()} if problem else None
        self._complain(lines.error(error_codes.code_of(exception), message, lineage=lineage, problem=told))

    def _complain(self, line: Line) -> None:
        if not self.historic:
            with contextlib.suppress(DriverError):
                self.emit(line)

    def finish(self, exception: BaseException | None) -> None:
        """Say the last lines, once. :param exception: what ends the process, None after success."""
        if self._finished:
            return
        self._finished = True
        if self._protocol is None:
            self.contact(self._default_protocol())
        if self._greeted:
            # Lineages of both protocols were renewed in one process.
            self._protocol = 1
        with contextlib.suppress(DriverError):
            self._last_lines(exception)
        self.channel.finish()

    def _last_lines(self, exception: BaseException | None) -> None:
        saved, lineages = self.at_exit()
        if exception is not None:
            self.exception(exception)
        if self.historic or saved:
            self.emit(lines.report(saved))
        if self.historic:
            return
        ok = exception is None and not self.failed and not any(one["deploy_failed"] for one in lineages)
        self.emit(
            {
                "cmd": "summary",
                "ok": ok,
                "counts": {name: count for name, count in self.counts.items() if name != "hello"},
                "unconfirmed": self.unconfirmed,
                "lineages": [{k: v for k, v in one.items() if k != "deploy_failed"} for one in lineages],
            }
        )


_stream: Stream | None = None


def current() -> Stream | None:
    """The stream, if it is open."""
    return _stream


def opened(default_protocol: Callable[[], int] = lambda: 1, socket: str | None = None) -> Stream:
    """The stream; at the first call stdout and stdin are taken over, or a socket is listened on.

    :param default_protocol: see `Stream`.
    :param socket: where to listen instead of taking over stdout and stdin.
    :raises UsageError: if that cannot be done.
    """
    global _stream  # noqa: PLW0603 - there is one stdout in a process
    if _stream is None:
        _stream = Stream(_channel(socket), default_protocol)
        logging.getLogger(_RENEWAL_LOGGER).addHandler(_RenewalFailures(_stream))
        atexit.register(_at_exit, _stream, os.getpid())
    return _stream


def _channel(socket: str | None) -> Channel:
    # Another Certbot, which a handler or a hook may start, must not speak into this one's session.
    session = os.environ.pop(SESSION, None)
    if session is None and socket is None:
        return Channel.standard()
    from certbot_external_auth.protocol import session_record, socket_channel

    if session is not None:
        return socket_channel.SocketChannel(*session_record.session_record(session))
    return socket_channel.SocketChannel(str(socket))


def _at_exit(stream: Stream, process: int) -> None:
    exception = getattr(sys, "last_value", None)
    # argparse ends a process with SystemExit, every other error with an exception that is remembered.
    if os.getpid() != process:
        return
    if exception is not None or _arguments_were_parsed():
        stream.finish(exception)
    else:
        stream.channel.finish()


class _RenewalFailures(logging.Handler):
    """Certbot tells nobody but its log why it could not renew a certificate, and goes on with the next one."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(logging.ERROR)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _RENEWAL_FAILED and isinstance(record.args, tuple) and len(record.args) == 2:
            lineage, exception = record.args
            if isinstance(exception, BaseException):
                self._stream.exception(exception, str(lineage))


def _stopped(exception: BaseException) -> str:
    """A sentence for exceptions that have none; empty for others."""
    if isinstance(exception, KeyboardInterrupt):
        return "Certbot was told to stop (Ctrl-C)."
    return "Certbot was told to stop by a signal." if isinstance(exception, errors.SignalExit) else ""


def _arguments_were_parsed() -> bool:
    """Certbot sets its display just after; without one, argparse ended the process with a usage message."""
    try:
        from certbot._internal.display import obj

        return obj.get_display() is not None
    except (ImportError, AttributeError):
        return True
    except ValueError:
        return False


def _certbot_version() -> str:
    import certbot

    return str(certbot.__version__)
