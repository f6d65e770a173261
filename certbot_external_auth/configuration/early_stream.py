"""Takes stdout over for JSON lines while Certbot still parses its arguments, before it prints anything."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from certbot_external_auth import settings
from certbot_external_auth.configuration import certbot_argv, renewal_file
from certbot_external_auth.settings import Option

_protocols: list[str] = []
"""Values of ``protocol`` in the order in which they were parsed; the last one counts."""


def begin(words: Sequence[str]) -> None:
    """Do what must be done before Certbot parses its arguments.

    :param words: its command line.
    """
    if settings.SESSION in os.environ:
        # A session must learn how Certbot ends, also if nothing is due, or no certificate is in mode json.
        open_stream()
    if certbot_argv.verb(words) == "renew":
        renewal_file.listen()


def note(option: Option, text: str) -> None:
    """Take note of an option's value. Opens the stream for mode json."""
    if option.name == "protocol":
        note_protocol(text)
    elif option.name == "mode" and text == "json":
        open_stream()


def note_protocol(text: str) -> None:
    """Take note of the protocol, which may be known only after the stream is open."""
    _protocols.append(text)


def protocol() -> int:
    """Return the protocol noted last."""
    return 0 if _protocols[-1:] == ["0"] else 1


def open_stream() -> None:
    """Open the stream unless Certbot's verb is one that prints for people.

    A missing library must not stop Certbot here: other commands work without it, and `prepare` reports it.
    """
    if certbot_argv.may_speak(sys.argv[1:]):
        with contextlib.suppress(ImportError):
            from certbot_external_auth.protocol import stream

            opened = stream.opened(protocol, _socket())
            if certbot_argv.verb(sys.argv[1:]) == "renew" and certbot_argv.options(sys.argv[1:]).mode is None:
                opened.hold_if_unattended()


def _socket() -> str | None:
    """Return the socket named on the command line: Certbot may parse it after the mode."""
    typed = certbot_argv.options(sys.argv[1:]).socket
    return os.path.abspath(os.path.expanduser(typed)) if typed else typed


def report_wrong_use(message: str, lines_by_default: bool, historic: bool) -> None:
    """Tell the driver that Certbot ends because of wrong use, if a stream is open.

    :param lines_by_default: open the stream now, because the historic name has no option that opens it earlier.
    """
    from certbot_external_auth.protocol import stream

    current = stream.opened() if lines_by_default else stream.current()
    if current is not None:
        current.note_failure()
        current.contact(0 if historic else protocol())
        current.error("usage", message)
