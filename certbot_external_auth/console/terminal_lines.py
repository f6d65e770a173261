"""Breaks long lines between words for a terminal, which would break them in the middle of words.

Commands are not broken: a person copies them. What goes to a file, a pipe or the log stays as it is.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import sys
import textwrap
from typing import TextIO

from certbot_external_auth import text

MIN_COLUMNS = 30
_COMMAND = re.compile(
    r"(?:(?<=: )|^ *)(?:certbot(?:-external-auth)?|apt-get|chmod|chown|git|rm|mv|mkdir|sed|sh|snap|pip|python3"
    r"|/\S+ -m pip|openssl|nsupdate|\(umask) .*$"
)
"""A command up to the end of its line, as sentences have it behind a colon."""
_WITH_OUR_TEXT = ("certbot_external_auth", "certbot._internal")
"""Loggers: our own, and those by which Certbot prints our errors."""


def fitted(words: str, columns: int, indented: bool = True) -> str:
    """Break the lines of a text that are too long for a window, and put the commands in them on lines of their own.

    :param indented: also lines that begin with a blank. Where these are commands, they stay whole.
    """
    width = max(columns, MIN_COLUMNS)
    return "\n".join(_fitted(line, width) if indented or line[:1] != " " else line for line in words.split("\n"))


def _fitted(line: str, columns: int) -> str:
    if len(line) <= columns:
        return line
    command = _COMMAND.search(line)
    prose = (line[: command.start()] if command else line).rstrip()
    indent = len(line) - len(line.lstrip(" "))
    broken = textwrap.wrap(
        prose,
        columns,
        # What belongs to a row of a table stands further in than the next row.
        subsequent_indent=" " * (indent + 2) if indent else "",
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
    return "\n".join([*broken, command[0]] if command else broken)


def for_stream(words: str, stream: TextIO | None, indented: bool = True) -> str:
    """Return a text as it is written to a stream: broken if that is a terminal. :param indented: see `fitted`."""
    columns = _columns(stream)
    return words if columns is None else fitted(words, columns, indented)


def complain(words: str) -> None:
    """Write a sentence to stderr."""
    print(for_stream(words, sys.stderr), file=sys.stderr)


def _columns(stream: TextIO | None) -> int | None:
    """Return the columns of a terminal, None if it is not one."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if stream is not None and stream.isatty():
            return os.get_terminal_size(stream.fileno()).columns or None
    return None


class _Fitted(logging.Formatter):
    """Formats as another formatter does, for a terminal."""

    def __init__(self, inner: logging.Formatter, stream: TextIO) -> None:
        super().__init__()
        self._inner = inner
        self._stream = stream

    def format(self, record: logging.LogRecord) -> str:
        written = self._inner.format(record)
        ours = record.name.startswith(_WITH_OUR_TEXT) and not record.exc_info
        return for_stream(written, self._stream) if ours else written


@functools.cache
def prepare_logs() -> None:
    """Make what is logged printable, and fit for terminals. MUST only be called if Certbot has set up its handlers."""
    text.make_logs_printable()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and _columns(handler.stream) is not None:
            handler.setFormatter(_Fitted(handler.formatter or logging.Formatter(), handler.stream))
