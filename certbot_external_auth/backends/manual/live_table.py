"""What a person sees during the watch: a table that is refreshed in place, or a line for each change.

The functions that decide what to show are pure. rich is imported only to show a table.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from certbot_external_auth import threads
from certbot_external_auth.backends.manual.instructions import wrapped
from certbot_external_auth.challenges import dns01
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, Observation, Says, report
from certbot_external_auth.visibility.verdict import State
from certbot_external_auth.visibility.watch import Round

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

KEYS = "Enter continues at once, Ctrl-C gives up."
STYLES = {Says.YES: "green", Says.NO: "red", Says.UNCLEAR: "yellow", Says.NOTHING: ""}
PARTLY = "yellow"
"""The style where some of several values are there, which is not wrong."""
MAX_ANSWER_CHARACTERS = 100
"""Longest text shown of what an address answered."""
MAX_REASONS = 3
"""Most addresses named for a place that is not visible."""
REFRESHES = 2.0
"""Refreshes of the table per second, for its clock."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a place (`says` is None), or what an address answers about the place above it.

    :ivar where: the place, or the server and the address.
    :ivar what: the answer in words, empty for a place.
    :ivar partly: some of several values are there.
    """

    where: str
    what: str = ""
    says: Says | None = None
    partly: bool = False


def titles(expectations: Sequence[Expectation]) -> dict[str, str]:
    """Return a short title for each place: a record's own name, but not a URL, which is too long for a window."""
    return {each.place: _title(each) for each in expectations}


def _title(expectation: Expectation) -> str:
    if expectation.type == dns01.TYPE:
        return expectation.place
    return f"{expectation.identifier} ({expectation.type})"


def words(observation: Observation) -> str:
    """Say what an address answered."""
    return one_line(report.words(observation), MAX_ANSWER_CHARACTERS)


def rows(named: Mapping[str, str], latest: Round) -> list[Row]:
    """Return the whole table. Places that are visible already come last, since they need no attention.

    :param named: see `titles`.
    """
    listed: list[Row] = []
    for place, seen in sorted(latest.seen.items(), key=lambda pair: latest.states[pair[0]] is State.VISIBLE):
        listed.append(Row(named[place]))
        listed += [Row(_where(one), words(one), one.outcome.says, report.partly(one)) for one in _in_order(seen)]
    return listed


def _in_order(seen: Sequence[Observation]) -> list[Observation]:
    """Sort the answers about a place, since the servers of a zone change their order from look to look."""
    return sorted(seen, key=lambda one: (one.server, one.address.startswith("["), one.address))


def _where(observation: Observation) -> str:
    """Name the server and the address; a server without a name goes by its address alone."""
    if not observation.address:
        return observation.server
    if observation.server in observation.address:
        return observation.address
    return f"{observation.server} {observation.address}"


def fitting(heights: Sequence[int], room: int) -> int:
    """Return how many rows fit into a window. If not all do, one line is needed to say so.

    :param heights: of the rows, in lines.
    :param room: lines of the window.
    """
    if sum(heights) <= room:
        return len(heights)
    count = 0
    for height in heights:
        room -= height
        if room < 1:
            break
        count += 1
    return count


def missing(named: Mapping[str, str], latest: Round | None) -> list[str]:
    """Return a line for each place that is not visible everywhere.

    :param named: see `titles`.
    :param latest: the last look, None if there was none.
    """
    if latest is None:
        return [f"{title}: not checked yet" for title in named.values()]
    return [
        f"{named[place]} ({_reasons(seen)})"
        for place, seen in latest.seen.items()
        if latest.states[place] is not State.VISIBLE
    ]


def _reasons(seen: Sequence[Observation]) -> str:
    absent = [observation for observation in seen if observation.outcome.says is not Says.YES]
    shown = [": ".join(filter(None, (_where(each), words(each)))) for each in absent[:MAX_REASONS]]
    more = ["…"] if len(absent) > MAX_REASONS else []
    return "; ".join([*shown, *more]) or "no server was asked"


def clock(seconds: float) -> str:
    """Write a duration as ``0:07``, ``12:34`` or ``1:00:00``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def footer(latest: Round | None, seconds: float) -> str:
    """Return the lines below the table.

    :param latest: the last look, None before the first one has ended.
    :param seconds: since the watch began.
    """
    if latest is None:
        return f"{clock(seconds)}  Checking for the first time.\n{KEYS}"
    states = list(latest.states.values())
    return f"{clock(seconds)}  {states.count(State.VISIBLE)} of {len(states)} visible everywhere.\n{KEYS}"


def output() -> TextIO:
    """Return the stream to the terminal. Certbot's own display is silent with -q, and stdout can be a file."""
    return sys.stdout if sys.stdout is not None and sys.stdout.isatty() else sys.stderr


class Lines:
    """Prints a line for each change, for terminals that cannot move the cursor back."""

    def __init__(self, named: Mapping[str, str], out: TextIO, width: int) -> None:
        """Print to `out`. :param named: see `titles`. :param width: columns."""
        self._named = named
        self._out = out
        self._width = width
        self._shown: dict[tuple[str, str], str] = {}

    def told(self, latest: Round) -> None:
        """Print what has changed since the look before."""
        for place, seen in latest.seen.items():
            for observation in seen:
                where, text = _where(observation), words(observation)
                if self._shown.get((place, where)) != text:
                    self._shown[place, where] = text
                    at = f" at {where}" if where else ""
                    line = f"{clock(latest.seconds)}  {self._named[place]}{at}: {text}"
                    print(wrapped(line, self._width), file=self._out, flush=True)


class Table:
    """A table that is refreshed in place."""

    def __init__(self, named: Mapping[str, str], console: Console) -> None:
        """Show the table on `console`. :param named: see `titles`."""
        self._named = named
        self._console = console
        self._latest: Round | None = None
        self._begun = time.monotonic()

    def told(self, latest: Round) -> None:
        """Show this look from now on."""
        self._latest = latest

    def render(self) -> RenderableType:
        """Return the table, never higher than the window, since lines that have scrolled out cannot be replaced."""
        from rich.console import Group
        from rich.text import Text

        below = Text(footer(self._latest, time.monotonic() - self._begun))
        listed = [] if self._latest is None else rows(self._named, self._latest)
        drawn = [_drawn(row) for row in listed]
        heights = [len(self._console.render_lines(part, pad=False)) for part in [*drawn, below]]
        kept = fitting(heights[:-1], self._console.size.height - 1 - heights[-1])
        more = [Text(f"… and {len(drawn) - kept} more lines")] if kept < len(drawn) else []
        return Group(*drawn[:kept], *more, below)


def _drawn(row: Row) -> RenderableType:
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    if row.says is None:
        return Text(row.where, style="bold", overflow="fold")
    line = Grid.grid(padding=(0, 1), expand=True)
    line.add_column(overflow="fold", ratio=3)
    line.add_column(overflow="fold", ratio=2)
    line.add_row(Text(row.where), Text(row.what, style=PARTLY if row.partly else STYLES[row.says]))
    return Padding(line, (0, 0, 0, 2))


@contextlib.contextmanager
def shown(named: Mapping[str, str], width: int) -> Iterator[Callable[[Round], None]]:
    """Show the looks of a watch while the block runs; it is given a callable that takes each look.

    :param named: see `titles`.
    :param width: columns, for a terminal that gets lines.
    """
    console = _console()
    if console is None:
        yield Lines(named, output(), width).told
        return
    from rich.live import Live

    table = Table(named, console)
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

            def told(found: Round) -> None:
                table.told(found)
                if not moves:
                    live.refresh()

            yield told
        live.refresh()


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
    out = output()
    if not out.isatty() or os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return None
    from rich.console import Console

    return Console(file=out, highlight=False, markup=False, emoji=False)
