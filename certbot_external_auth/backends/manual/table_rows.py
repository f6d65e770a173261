"""What a person reads during the watch: rows of the table, lines below it, pages of values. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.challenges import PERSISTENT, TXT_TYPES
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, Observation, Says, report
from certbot_external_auth.visibility.verdict import State
from certbot_external_auth.visibility.watch import Round

KEYS = "Enter continues at once, Ctrl-C gives up, v shows values."
LIKELY = "If you have published it, the likely reason is:"
MAX_ANSWER_CHARACTERS = 100
"""Longest text shown of what an address answered."""
LEFT, RIGHT = 3, 2
"""The shares of the window's width for a server and for its answer."""
MAX_REASONS = 3
"""Most addresses named for a place that is not visible."""


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
    if expectation.type in (*TXT_TYPES, PERSISTENT):
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
        listed += [Row(where(one), words(one), one.outcome.says, report.partly(one)) for one in _in_order(seen)]
    return listed


def _in_order(seen: Sequence[Observation]) -> list[Observation]:
    """Sort the answers about a place, since the servers of a zone change their order from look to look."""
    return sorted(seen, key=lambda one: (one.server, one.address.startswith("["), one.address))


def where(observation: Observation) -> str:
    """Name the server and the address; a server without a name goes by its address alone."""
    if not observation.address:
        return observation.server
    if observation.server in observation.address:
        return observation.address
    return f"{observation.server} {observation.address}"


def fits_beside(row: Row, width: int) -> bool:
    """Tell whether the answer can stand beside the server, without breaking a word of either.

    :param width: columns for both.
    """
    left = width * LEFT // (LEFT + RIGHT) - 2
    longest = [max(map(len, text.split()), default=0) for text in (row.where, row.what)]
    return longest[0] <= left and longest[1] <= width - left - 4


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
    shown = [": ".join(filter(None, (where(each), words(each)))) for each in absent[:MAX_REASONS]]
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


def page_footer(number: int, count: int) -> str:
    """Return the line below a page of values."""
    return f"Page {number} of {count} of what to publish. v shows the next page, and the table after the last one."


def unseen_places(named: Mapping[str, str], latest: Round | None) -> list[str]:
    """Return the places that are not visible everywhere, all if none is missing or nothing was seen yet."""
    states = latest.states if latest is not None else {}
    return [place for place in named if states.get(place) is not State.VISIBLE] or list(named)


def pages(heights: Sequence[int], room: int) -> list[range]:
    """Distribute blocks of lines over pages, in order.

    :param heights: of the blocks, in lines. One that is higher than a page has a page of its own.
    :param room: lines of a page.
    """
    found: list[range] = []
    begin, used = 0, 0
    for index, height in enumerate(heights):
        if used and used + height > room:
            found.append(range(begin, index))
            begin, used = index, 0
        used += height
    return [*found, range(begin, len(heights))]
