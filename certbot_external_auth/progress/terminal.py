"""Shows the line on a terminal, and takes it away before anything else is printed there."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from certbot_external_auth import threads
from certbot_external_auth.progress.line import State
from certbot_external_auth.text import printable

if TYPE_CHECKING:
    from rich.console import Console

FIRST_SECONDS = 1.0
"""What is over sooner needs no line."""
REFRESH_SECONDS = 0.5
PLAIN_SECONDS = 10.0
"""Seconds between two lines, on a terminal that cannot take a line back."""
AFTER_OTHERS_SECONDS = 0.2
"""How long the line stays away after something else was printed."""


class Progress(Protocol):
    """Tells a person how far a batch is."""

    def begin(self, doing: str, total: int) -> None:
        """Begin. :param doing: a word such as "Publishing". :param total: how many there are."""

    def starts(self, names: Sequence[str]) -> None:
        """Note that work on some names has started."""

    def ends(self, names: Sequence[str]) -> None:
        """Note that this work has ended."""

    def reaches(self, ended: int, now: Sequence[str]) -> None:
        """Note how many have ended, and what is waited for."""

    def end(self) -> None:
        """End, and leave nothing on the terminal."""

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """Let something else be printed."""


class _Nowhere:
    """Shows nothing."""

    def begin(self, doing: str, total: int) -> None: ...

    def starts(self, names: Sequence[str]) -> None: ...

    def ends(self, names: Sequence[str]) -> None: ...

    def reaches(self, ended: int, now: Sequence[str]) -> None: ...

    def end(self) -> None: ...

    def aside(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


NOWHERE: Progress = _Nowhere()


def on_terminal(stream: TextIO | None, wanted: bool) -> Progress:
    """Return what shows the line.

    :param stream: where it is shown, if that is a terminal.
    :param wanted: whether a person wants to see it.
    """
    if stream is None or not wanted:
        return NOWHERE
    try:
        return _Terminal(stream) if stream.isatty() else NOWHERE
    except ValueError:
        # The stream is closed.
        return NOWHERE


def of_run(mode: str, silent: bool) -> Progress:
    """Return what shows the line in a run of Certbot: only mode handler waits without a word."""
    return on_terminal(sys.stderr, mode == "handler" and not silent)


class _Terminal:
    """A line on a terminal. A thread draws it, since the main thread waits for a program or a server."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # The main thread may be interrupted by a signal while it holds this, and its handler may log.
        self._lock = threading.RLock()
        self._state: State | None = None
        self._began = self._not_before = 0.0
        self._woken = threading.Event()
        self._console: Console | None = None
        self._drawn = False
        self._gone = False
        self._runs = False
        self._away = _TakeAway(self)

    def begin(self, doing: str, total: int) -> None:
        with self._lock:
            self.hide()
            self._state = State(doing, total)
            self._began = time.monotonic()
            self._not_before = self._began + FIRST_SECONDS
            self._woken.clear()
            if not self._runs and not self._gone:
                self._runs = threads.start(self._draw_again_and_again, "progress")
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._away)

    def starts(self, names: Sequence[str]) -> None:
        with self._lock:
            if self._state is not None:
                self._state.now += names

    def ends(self, names: Sequence[str]) -> None:
        with self._lock:
            if self._state is not None:
                self._state.ended += len(names)
                for name in names:
                    with contextlib.suppress(ValueError):
                        self._state.now.remove(name)

    def reaches(self, ended: int, now: Sequence[str]) -> None:
        with self._lock:
            if self._state is not None:
                self._state.ended, self._state.now = ended, list(now)

    def end(self) -> None:
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._away)
        with self._lock:
            self._state = None
            self._woken.set()
            self.hide()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        with self._lock:
            self.hide()
            yield

    def hide(self) -> None:
        """Take the line away for a moment."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + AFTER_OTHERS_SECONDS)
            if self._drawn and self._console is not None and not self._gone:
                self._drawn = False
                with self._writing():
                    self._control(self._console)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Stop nothing if the terminal has vanished: Certbot then cleans up, and that is what matters."""
        try:
            yield
        except (OSError, ValueError):
            self._gone = True

    def _draw_again_and_again(self) -> None:
        while True:
            self._woken.wait(REFRESH_SECONDS)
            with self._lock:
                if self._state is None or self._gone:
                    self._runs = False
                    return
                now = time.monotonic()
                if now >= self._not_before:
                    with self._writing():
                        self._draw(self._state.text(now - self._began), now)

    def _draw(self, line: str, now: float) -> None:
        from rich.console import Console
        from rich.text import Text

        if self._console is None:
            self._console = Console(file=self._stream, highlight=False)
        if self._console.is_dumb_terminal:
            self._not_before = now + PLAIN_SECONDS
            self._stream.write(printable(line) + "\n")
            self._stream.flush()
            return
        shown = Text(printable(line), no_wrap=True, overflow="ellipsis", style="dim")
        # In the last column the cursor would wait on the next line, and the line could not be taken back.
        shown.truncate(self._console.width - 1, overflow="ellipsis")
        self._control(self._console)
        self._console.print(shown, end="")
        self._drawn = True

    @staticmethod
    def _control(console: Console) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))


class _TakeAway(logging.Filter):
    """Takes the line away before Certbot's log prints one."""

    def __init__(self, terminal: _Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def filter(self, record: logging.LogRecord) -> bool:
        self._terminal.hide()
        return True
