"""What a handler printed during a step, and what the plugin warned of meanwhile."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Iterator

MAX_LINES = 10


class HandlerOutput(logging.Handler):
    """The last lines that the handler printed, and warnings of the plugin about its calls."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[tuple[str, str]] = deque(maxlen=MAX_LINES)

    def hear(self, label: str, line: str) -> None:
        """Take a line of the handler. :param label: names the call."""
        self._lines.append((label, line))

    def emit(self, record: logging.LogRecord) -> None:
        """Take a warning, which a run would write to Certbot's log."""
        self._lines.append(("", record.getMessage()))

    def clear(self) -> None:
        """Forget all lines."""
        self._lines.clear()

    def shown(self) -> tuple[str, ...]:
        """Return all lines for the report, each after its label."""
        return tuple(f"{label}: {line}" if label else line for label, line in self._lines)

    def printed(self) -> tuple[str, ...]:
        """Return what the handler itself printed."""
        return tuple(line for label, line in self._lines if label)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the plugin's warnings while the block runs."""
        package = logging.getLogger("certbot_external_auth")
        package.addHandler(self)
        try:
            yield
        finally:
            package.removeHandler(self)
