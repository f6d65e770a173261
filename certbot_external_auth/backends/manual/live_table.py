"""Shows the watch to a person: a table that is refreshed in place, or a line for each change.

`table_rows` decides what to show. rich is imported only to show a table.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from certbot_external_auth import threads
from certbot_external_auth.backends.manual import table_rows, terminal
from certbot_external_auth.backends.manual.instructions import paragraph, wrapped
from certbot_external_auth.backends.manual.table_rows import Row
from certbot_external_auth.visibility import Says
from certbot_external_auth.visibility.watch import Round

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

STYLES = {Says.YES: "green", Says.NO: "red", Says.UNCLEAR: "yellow", Says.NOTHING: ""}
PARTLY = "yellow"
"""The style where some of several values are there, which is not wrong."""
INDENT = 2
REFRESHES = 2.0
"""Refreshes of the table per second, for its clock."""
VALUES_KEY = "v"


class Screen(Protocol):
    """What a watch is shown on."""

    def told(self, latest: Round) -> None:
        """Show a look."""

    def explained(self, sentences: Sequence[str]) -> None:
        """Show the likely reasons."""

    def pressed(self, key: str) -> None:
        """Do what a key asks for."""


class Lines:
    """Prints a line for each change, for terminals that cannot move the cursor back."""

    def __init__(self, named: Mapping[str, str], values: Mapping[str, Sequence[str]], out: TextIO, width: int) -> None:
        """Print to `out`.

        :param named: see `table_rows.titles`.
        :param values: by place, the lines that say what to publish there.
        :param width: columns.
        """
        self._named = named
        self._values = values
        self._out = out
        self._width = width
        self._shown: dict[tuple[str, str], str] = {}
        self._explained: set[str] = set()
        self._latest: Round | None = None

    def told(self, latest: Round) -> None:
        """Print what has changed since the look before."""
        self._latest = latest
        for place, seen in latest.seen.items():
            for observation in seen:
                where, text = table_rows.where(observation), table_rows.words(observation)
                if self._shown.get((place, where)) != text:
                    self._shown[place, where] = text
                    at = f" at {where}" if where else ""
                    line = f"{table_rows.clock(latest.seconds)}  {self._named[place]}{at}: {text}"
                    self._print(wrapped(line, self._width))

    def explained(self, sentences: Sequence[str]) -> None:
        """Print the reasons that were not printed before."""
        news = [sentence for sentence in sentences if sentence not in self._explained]
        self._explained.update(news)
        if news:
            self._print(paragraph([table_rows.LIKELY, *news], self._width))

    def pressed(self, key: str) -> None:
        """Print what is still to be published."""
        if key == VALUES_KEY:
            for place in table_rows.unseen_places(self._named, self._latest):
                self._print("\n".join(self._values[place]))

    def _print(self, text: str) -> None:
        print(text, file=self._out, flush=True)


class Table:
    """A table that is refreshed in place, and pages of what is still to be published."""

    def __init__(self, named: Mapping[str, str], values: Mapping[str, Sequence[str]], console: Console) -> None:
        """Show the table on `console`. For `named` and `values` see `Lines`."""
        self._named = named
        self._values = values
        self._console = console
        self._latest: Round | None = None
        self._sentences: Sequence[str] = ()
        self._begun = time.monotonic()
        self._turns = 0

    def told(self, latest: Round) -> None:
        """Show this look from now on."""
        self._latest = latest

    def explained(self, sentences: Sequence[str]) -> None:
        """Show these reasons from now on."""
        self._sentences = sentences

    def pressed(self, key: str) -> None:
        """Turn to the next page."""
        self._turns += key == VALUES_KEY

    def render(self) -> RenderableType:
        """Return the table, or the page to which the person has turned.

        It is never higher than the window, since lines that have scrolled out cannot be replaced.
        """
        pages = self._pages()
        # The table is the first page.
        turned = self._turns % (len(pages) + 1)
        if turned == 0:
            return self._table()
        from rich.console import Group
        from rich.text import Text

        blocks = pages[turned - 1]
        return Group(*blocks, Text(table_rows.page_footer(turned, len(pages))))

    def _table(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        below = Text(table_rows.footer(self._latest, time.monotonic() - self._begun))
        room = self._room(below)
        reasons = self._reasons(room // 2)
        room -= sum(map(self._height, reasons))
        listed = [] if self._latest is None else table_rows.rows(self._named, self._latest)
        drawn = [_drawn(row, self._console.size.width) for row in listed]
        kept = table_rows.fitting([self._height(part) for part in drawn], room)
        more = [Text(f"… and {len(drawn) - kept} more lines")] if kept < len(drawn) else []
        return Group(*drawn[:kept], *more, *reasons, below)

    def _reasons(self, room: int) -> list[RenderableType]:
        """Return the reasons, as many as fit into some lines."""
        from rich.text import Text

        parts: list[RenderableType] = [Text(text) for text in (table_rows.LIKELY, *self._sentences)]
        heights = [self._height(part) for part in parts]
        kept = table_rows.fitting(heights, room) if self._sentences else 0
        # Enter shows all of them.
        return parts[:kept] if kept > 1 else []

    def _pages(self) -> list[list[RenderableType]]:
        from rich.text import Text

        places = table_rows.unseen_places(self._named, self._latest)
        blocks: list[RenderableType] = [Text("\n".join(self._values[place]), overflow="fold") for place in places]
        room = self._room(Text(table_rows.page_footer(99, 99)))
        found = table_rows.pages([self._height(block) for block in blocks], room)
        return [[blocks[index] for index in page] for page in found]

    def _room(self, below: RenderableType) -> int:
        """Return the lines of the window above some last lines."""
        return self._console.size.height - 1 - self._height(below)

    def _height(self, part: RenderableType) -> int:
        return len(self._console.render_lines(part, pad=False))


def _drawn(row: Row, width: int) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    if row.says is None:
        return Text(row.where, style="bold", overflow="fold")
    answer = Text(row.what, style=PARTLY if row.partly else STYLES[row.says], overflow="fold")
    if not table_rows.fits_beside(row, width - INDENT):
        return Padding(Group(Text(row.where, overflow="fold"), Padding(answer, (0, 0, 0, INDENT))), (0, 0, 0, INDENT))
    line = Grid.grid(padding=(0, 1), expand=True)
    line.add_column(overflow="fold", ratio=table_rows.LEFT)
    line.add_column(overflow="fold", ratio=table_rows.RIGHT)
    line.add_row(Text(row.where), answer)
    return Padding(line, (0, 0, 0, INDENT))


@contextlib.contextmanager
def shown(named: Mapping[str, str], values: Mapping[str, Sequence[str]]) -> Iterator[Screen]:
    """Show a watch while the block runs. For `named` and `values` see `Lines`."""
    console = _console()
    if console is None:
        yield Lines(named, values, terminal.output(), terminal.width())
        return
    from rich.live import Live

    table = Table(named, values, console)
    with Live(
        console=console,
        get_renderable=table.render,
        # A thread of rich's own would end the run where the system has none left.
        auto_refresh=False,
        # Certbot writes its own messages to the terminal.
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        with _refreshed(live.refresh) as moves:
            yield table if moves else _Refreshing(table, live.refresh)
        live.refresh()


class _Refreshing:
    """A table on a system without a thread that could refresh it."""

    def __init__(self, table: Table, refresh: Callable[[], None]) -> None:
        self._table = table
        self._refresh = refresh

    def told(self, latest: Round) -> None:
        self._table.told(latest)
        self._refresh()

    def explained(self, sentences: Sequence[str]) -> None:
        self._table.explained(sentences)
        self._refresh()

    def pressed(self, key: str) -> None:
        self._table.pressed(key)
        self._refresh()


@contextlib.contextmanager
def _refreshed(refresh: Callable[[], None]) -> Iterator[bool]:
    """Refresh the table regularly until the block ends; yields False where no thread is left to do it."""
    lock, over = threading.Lock(), threading.Event()

    def work() -> None:
        while not over.wait(1 / REFRESHES):
            with lock:
                if not over.is_set():
                    refresh()

    try:
        yield threads.start(work, "screen")
    finally:
        with lock:
            over.set()


def _console() -> Console | None:
    """Return the terminal; None if it cannot move the cursor back to where a table began."""
    out = terminal.output()
    if not out.isatty() or os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return None
    from rich.console import Console

    return Console(file=out, highlight=False, markup=False, emoji=False)
