"""The JSON lines that a run sends besides those of its backend."""

from __future__ import annotations

import contextlib

from certbot_external_auth.errors import DriverError
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.protocol.stream import Stream


class Informer:
    """Sends lines that need no answer. If the reader is gone, the run goes on.

    :param stream: None if no program reads lines. It leaves out the lines that its protocol does not have.
    :param mirrors: the lines only repeat what a handler does.
    """

    def __init__(self, stream: Stream | None, mirrors: bool = False) -> None:
        self._stream = stream
        self._mirrors = mirrors

    def inform(self, line: Line) -> None:
        """Send a line."""
        if self._stream is not None:
            with contextlib.suppress(DriverError):
                self._stream.emit(line)

    def mirror(self, line: Line) -> None:
        """Send a line that a driver would get from its backend."""
        if self._mirrors:
            self.inform(line)

    def count(self, status: str) -> None:
        """Count a challenge's status for the last line."""
        if self._stream is not None:
            self._stream.note_result(status)

    def error(self, code: str, message: str) -> None:
        """Send a line about an error that does not end the run."""
        if self._stream is not None:
            self._stream.error(code, message)

    def end(self, exception: BaseException) -> None:
        """Send the last lines now, since this process will end without running exit functions."""
        if self._stream is not None:
            self._stream.note_failure()
            self._stream.finish(exception)
