"""What a person sees while the watch goes on: a table that is refreshed in place, or a line for each change.

Everything that decides what is shown is a pure function; rich comes only when a table is shown.
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
from certbot_external_auth.backends.instructions import wrapped
from certbot_external_auth.challenges import dns01
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, Observation, Says, report
from certbot_external_auth.visibility.verdict import State
from certbot_external_auth.visibility.watch import Round

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

KEYS = "Enter goes on at once, Ctrl-C gives up."
STYLES = {Says.YES: "green", Says.NO: "red", Says.UNCLEAR: "yellow", Says.NOTHING: ""}
SAID = 100
"""Characters of what an address answered."""
REFRESHES = 2.0
"""Times a second that the table is drawn again, for its clock."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a place (`says` is None), or what an address says about the one above.

    :ivar where: the place; or who was asked, and at which address. :ivar what: what that said.
    """

    where: str
    what: str = ""
    says: Says | None = None


def titles(expectations: Sequence[Expectation]) -> dict[str, str]:
    """Each place by a name that fits into a window: a record's is what is to be created, a URL would be too long."""
    return {
        one.place: one.place if one.type == dns01.TYPE else f"{one.identifier} ({one.type})" for one in expectations
    }


def words(one: Observation) -> str:
    """What an address answered."""
    return one_line(report.words(one), SAID)


def rows(named: Mapping[str, str], found: Round) -> list[Row]:
    """The whole table; what is visible already comes last, since nobody has to do anything about it.

    :param named: see `titles`.
    """
    listed: list[Row] = []
    for place, seen in sorted(found.seen.items(), key=lambda pair: found.states[pair[0]] is State.VISIBLE):
        listed.append(Row(named[place]))
        listed += [Row(_where(one), words(one), one.outcome.says) for one in seen]
    return listed


def _where(one: Observation) -> str:
    """Who was asked, and where; a server that has no name goes by its address alone."""
    if not one.address:
        return one.server
    return one.address if one.server in one.address else f"{one.server} {one.address}"


def fitting(heights: Sequence[int], room: int) -> int:
    """How many rows of these heights fit into a window, one line being needed to say that there are more."""
    if sum(heights) <= room:
        return len(heights)
    count = 0
    for height in heights:
        room -= height
        if room < 1:
            break
        count += 1
    return count


def missing(named: Mapping[str, str], found: Round | None) -> list[str]:
    """A line for each place that is not visible everywhere.

    :param named: see `titles`. :param found: the last look, if there was one.
    """
    if found is None:
        return [f"{title}: not looked for yet" for title in named.values()]
    lines = []
    for place, seen in found.seen.items():
        if found.states[place] is State.VISIBLE:
            continue
        reasons = [
            ": ".join(filter(None, (_where(one), words(one)))) for one in seen if one.outcome.says is not Says.YES
        ]
        lines.append(
            f"{named[place]} ({'; '.join(reasons[:3]) or 'nobody was asked'}{'; …' if len(reasons) > 3 else ''})"
        )
    return lines


def clock(seconds: float) -> str:
    """``0:07``, ``12:34``, ``1:00:00``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def footer(found: Round | None, seconds: float) -> str:
    """The lines below the table."""
    if found is None:
        return f"{clock(seconds)}  Looking for the first time.\n{KEYS}"
    states = list(found.states.values())
    return f"{clock(seconds)}  {states.count(State.VISIBLE)} of {len(states)} visible everywhere.\n{KEYS}"


def output() -> TextIO:
    """Where a person looks: Certbot's own display is silent with -q, and stdout may be a file."""
    return sys.stdout if sys.stdout is not None and sys.stdout.isatty() else sys.stderr


class Lines:
    """A line for each change, for terminals that cannot go back."""

    def __init__(self, named: Mapping[str, str], out: TextIO, width: int) -> None:
        self._named = named
        self._out = out
        self._width = width
        self._shown: dict[tuple[str, str], str] = {}

    def told(self, found: Round) -> None:
        """Print what is different now."""
        for place, seen in found.seen.items():
            for one in seen:
                where, text = _where(one), words(one)
                if self._shown.get((place, where)) != text:
                    self._shown[place, where] = text
                    line = f"{clock(found.seconds)}  {self._named[place]}{f' at {where}' if where else ''}: {text}"
                    print(wrapped(line, self._width), file=self._out, flush=True)


class Table:
    """A table that is refreshed in place."""

    def __init__(self, named: Mapping[str, str], console: Console) -> None:
        self._named = named
        self._console = console
        self._found: Round | None = None
        self._begun = time.monotonic()

    def told(self, found: Round) -> None:
        """Show this from now on."""
        self._found = found

    def render(self) -> RenderableType:
        """What is shown now, never higher than the window: what has scrolled out of it cannot be drawn over."""
        from rich.console import Group
        from rich.text import Text

        below = Text(footer(self._found, time.monotonic() - self._begun))
        listed = [] if self._found is None else rows(self._named, self._found)
        drawn = [_drawn(row) for row in listed]
        heights = [len(self._console.render_lines(one, pad=False)) for one in [*drawn, below]]
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
    line.add_row(Text(row.where), Text(row.what, style=STYLES[row.says]))
    return Padding(line, (0, 0, 0, 2))


@contextlib.contextmanager
def shown(named: Mapping[str, str], width: int) -> Iterator[Callable[[Round], None]]:
    """A screen for the length of the block; each look is told to what is given.

    :param named: see `titles`. :param width: columns, for lines.
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
        # Its own thread would end the run where the system has none.
        auto_refresh=False,
        # Certbot's own messages go to the terminal without our help.
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
    """Refresh again and again meanwhile; whether that can be done."""
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
    """A terminal that can go back to where a table began, else None."""
    out = output()
    if not out.isatty() or os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return None
    from rich.console import Console

    return Console(file=out, highlight=False, markup=False, emoji=False)
