"""The process's stream of JSON lines: `hello` first, `summary` last, whatever happens in between."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from certbot_external_auth import __version__, text
from certbot_external_auth.errors import DriverError
from certbot_external_auth.protocol import error_codes, failed_renewals, lines
from certbot_external_auth.protocol.answers import Ledger
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.forms import Form, Historic, Numbered
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.settings import SESSION

MAX_SEND_SECONDS = 60.0
"""A driver that leaves a line unread for longer counts as gone."""

IDLE = ("hello", "unchanged_cert", "save", "restart", "report", "summary")
"""Lines that say that there was nothing to do."""

Saved = list[tuple[str, str]]
Lineages = list[dict[str, Any]]


class Stream:
    """The lines of one process. Certbot makes a new plugin object for every lineage it renews; all share one stream.

    :ivar channel: carries the lines to the driver and its answers back.
    :ivar ledger: the lines that wait for an answer.
    :ivar forgotten: a batch of a session was not finished in time, so the plugin waits for no later batch.
    :ivar at_exit: asked at the end of the process: certificates saved, and what became of each lineage.
    """

    def __init__(self, channel: Channel, default_protocol: Callable[[], int] = lambda: 1) -> None:
        """:param default_protocol: asked if there is a line to write before the plugin was asked for anything."""
        self.channel = channel
        self.forgotten = False
        self.at_exit: Callable[[], tuple[Saved, Lineages]] = lambda: ([], [])
        channel.run = str(uuid.uuid4())
        self.ledger = Ledger(channel.run)
        self._default_protocol = default_protocol
        self._numbered, self._historic = Numbered(channel.run), Historic()
        self._form: Form | None = None
        self._lines: Counter[str] = Counter()
        self._results: Counter[str] = Counter()
        self._unconfirmed: list[str] = []
        self._failed = False
        self._greeted = False
        self._finished = False
        self._broken = False
        self._held: list[Line] | None = None

    def hold_if_unattended(self) -> None:
        """Write nothing as long as there is nothing to do, if no program can answer.

        A timer's renewal learns from a renewal file that a driver works on some certificate. Nobody reads the lines
        then, and in a mail or a log they are noise.
        """
        if self._held is None and not self._lines and self.channel.unattended:
            self._held = []

    @property
    def broken(self) -> bool:
        """Whether a line could not be sent. Then no other line is sent."""
        return self._broken

    def contact(self, protocol: int, leftover: Callable[[], Sequence[Line]] = tuple) -> None:
        """Begin to speak, since Certbot asks the plugin for something.

        It is not an error here if the driver is gone, only where something depends on the driver; see `broken`.

        :param protocol: 0 or 1. A session always speaks 1, since its verbs understand no other.
        :param leftover: returns what earlier runs left behind, see `recovery.messages`. It is called only if `hello` is
            sent, because the driver learns it from `hello` alone.
        """
        self._begin(protocol, leftover)

    def _begin(self, protocol: int, leftover: Callable[[], Sequence[Line]] = tuple) -> Form:
        """Choose the form of the lines, and send `hello` once if the form has it.

        Nothing else asks for the protocol: the form leaves out every line that its protocol does not have.
        """
        form = self._historic if protocol == 0 and not self.channel.session else self._numbered
        self._form = form
        if form is self._numbered and not self._greeted:
            self._greeted = True
            with contextlib.suppress(DriverError):
                self.emit(
                    {
                        "cmd": "hello",
                        "protocol": lines.PROTOCOL,
                        "plugin": __version__,
                        "certbot": _certbot_version(),
                        "features": list(lines.FEATURES),
                        "leftover": list(leftover()),
                    }
                )
        return form

    def emit(self, line: Line) -> None:
        """Send a line, unless the protocol does not have it.

        :raises DriverError: if the driver is gone.
        """
        form = self._form or self._begin(self._default_protocol())
        written = form.written(line)
        if written is None:
            return
        if self._held is not None and line["cmd"] in IDLE:
            self._held.append(written)
            return
        for each in [*self._released(), written]:
            self._send(each)

    def _released(self) -> list[Line]:
        """Return the lines that were held back, and hold none from now on."""
        held, self._held = self._held or [], None
        return held

    def _send(self, written: Line) -> None:
        if self._broken:
            raise DriverError("The program that started Certbot is gone.")
        try:
            self.channel.send(json.dumps(written).encode() + b"\n", time.monotonic() + MAX_SEND_SECONDS)
        except DriverError:
            # The driver may have half a line, and could not tell the next one from its second half.
            self._broken = True
            raise
        self._lines[written["cmd"]] += 1

    # --- what the summary counts ---

    def note_result(self, status: str) -> None:
        """Count what became of a challenge. :param status: as in `Finished`."""
        self._results[status] += 1

    def note_unconfirmed(self, ids: Iterable[str]) -> None:
        """Note lines that the driver did not confirm."""
        self._unconfirmed += ids

    def note_failure(self) -> None:
        """Note that the run has failed, whatever Certbot's exit code will be."""
        self._failed = True

    # --- errors and the end ---

    def error(self, code: str, message: str, identifier: str | None = None) -> None:
        """Send an `error` line, if the driver is still there.

        :param code: one of `error_codes.CODES`.
        :param identifier: id of the line that it is about.
        """
        self._complain(lines.error(code, text.clean(message), identifier))

    def exception(self, exception: BaseException, lineage: str | None = None) -> None:
        """Send an `error` line for what ended the run, or the renewal of one certificate.

        :param lineage: name of that certificate.
        """
        problem = error_codes.problem_of(exception)
        shown = {key: text.clean(value) for key, value in problem.items()} if problem else None
        message = text.clean(error_codes.message_of(exception))
        self._complain(lines.error(error_codes.code_of(exception), message, lineage=lineage, problem=shown))

    def _complain(self, line: Line) -> None:
        with contextlib.suppress(DriverError):
            self.emit(line)

    def finish(self, exception: BaseException | None) -> None:
        """Send the last lines, once. :param exception: what ends the process, None after success."""
        if self._finished:
            return
        self._finished = True
        if self._form is None:
            self._begin(self._default_protocol())
        if self._greeted:
            # One process may renew lineages of both protocols.
            self._form = self._numbered
        with contextlib.suppress(DriverError):
            self._last_lines(exception)
        self.channel.finish()

    def _last_lines(self, exception: BaseException | None) -> None:
        saved, lineages = self.at_exit()
        if exception is not None:
            self.exception(exception)
        self.emit(lines.report(saved))
        ok = exception is None and not self._failed and not any(lineage["deploy_failed"] for lineage in lineages)
        for each in [] if ok else self._released():
            self._send(each)
        counts = {name: count for name, count in self._lines.items() if name != "hello"}
        self.emit(
            {
                "cmd": "summary",
                "ok": ok,
                "counts": {**counts, **self._results},
                "unconfirmed": self._unconfirmed,
                "lineages": [
                    {key: value for key, value in lineage.items() if key != "deploy_failed"} for lineage in lineages
                ],
            }
        )


_stream: Stream | None = None


def current() -> Stream | None:
    """Return the process's stream, None if it is not open."""
    return _stream


def opened(default_protocol: Callable[[], int] = lambda: 1, socket: str | None = None) -> Stream:
    """Return the process's stream. The first call takes over stdout and stdin, or listens on a socket.

    :param default_protocol: see `Stream`.
    :param socket: path of the socket to use instead of stdout and stdin.
    :raises UsageError: if the socket or the session cannot be used.
    """
    global _stream  # noqa: PLW0603 - there is one stdout in a process
    if _stream is None:
        _stream = Stream(_channel(socket), default_protocol)
        failed_renewals.listen(_stream.exception)
        atexit.register(_at_exit, _stream, os.getpid())
    return _stream


def _channel(socket: str | None) -> Channel:
    # Removed, so that a Certbot which a handler or a hook starts does not write into this session.
    session = os.environ.pop(SESSION, None)
    if session is None and socket is None:
        return Channel.standard()
    from certbot_external_auth.protocol import session_record, socket_channel

    if session is not None:
        return socket_channel.SocketChannel(*session_record.session_record(session))
    return socket_channel.SocketChannel(str(socket))


def _at_exit(stream: Stream, process_id: int) -> None:
    if os.getpid() != process_id:
        return
    # Python keeps the exception that ended the process here, except for the SystemExit by which argparse ends it.
    exception = getattr(sys, "last_value", None)
    if exception is not None or _arguments_were_parsed():
        stream.finish(exception)
    else:
        stream.channel.finish()


def _arguments_were_parsed() -> bool:
    """Tell whether Certbot has set its display, which it does right after. Before that, argparse prints its usage."""
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
