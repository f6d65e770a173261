"""Show people what was seen: a table, and a line. Pure functions; `likely` has the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from certbot_external_auth.text import counted, one_line
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Says
from certbot_external_auth.visibility.near_miss import compare
from certbot_external_auth.visibility.verdict import by_place, said

MOST_ROWS = 40
"""Addresses in a table inside an error; the log has all."""
MAX_LISTED_VALUES = 8
"""Values of one address in a table."""
MAX_VALUE_CHARACTERS = 44
"""Of a value that is shown; a dns-01 value has 43."""


# --- what was seen ---


def words(observation: Observation) -> str:
    """Say what one address answered."""
    text = "visible" if observation.outcome.says is Says.YES else observation.outcome.value.replace("_", " ")
    if observation.outcome is Outcome.OTHER_VALUES:
        text = _values(observation)
    elif observation.outcome.says is Says.NO and observation.seen:
        text += ": " + ", ".join(one_line(value, MAX_VALUE_CHARACTERS) for value in observation.seen)
    if observation.asked:
        text += f" at {observation.asked}"
    return text + (f" ({one_line(observation.detail)})" if observation.detail else "")


def _values(observation: Observation) -> str:
    """Say which TXT values stand at a name, in comparison with those that are wanted there."""
    found = compare(observation.wanted, observation.seen)
    if observation.wanted and not found.missing:
        # All of them are there, and some should be gone.
        return f"{counted(len(observation.seen) + observation.more, 'value')} there: {listed(observation.seen, 0)}"
    others = [value for value in observation.seen if value not in found.there]
    shown = f"{counted(len(others) + observation.more, 'other value')}: {listed(others, observation.more)}"
    if not found.there:
        return shown
    missing = f"{len(found.there)} of {found.wanted} there; missing: {listed(found.missing, 0)}"
    return f"{missing}; {shown}" if others or observation.more else missing


def partly(observation: Observation) -> bool:
    """Tell whether some of several wanted values are there."""
    return observation.outcome is Outcome.OTHER_VALUES and not set(observation.wanted).isdisjoint(observation.seen)


def listed(values: Sequence[str], more: int) -> str:
    """List some values, with an ellipsis if there are others."""
    cut = more or len(values) > MAX_LISTED_VALUES
    return ", ".join([*map(value_shown, values[:MAX_LISTED_VALUES]), *(["…"] if cut else [])])


def table(
    expectations: Sequence[Expectation], observations: Sequence[Observation], max_rows: int | None = None
) -> list[str]:
    """Return lines: each place and, below it, server, address, answer and seconds of each address that was asked.

    :param max_rows: a last line counts the rows that are left out; None for all rows.
    """
    seen = by_place(expectations, observations)
    count = sum(map(len, seen.values()))
    # One more than there are rows, so that also a last place without rows is shown.
    lines = list(_lines(seen, count + 1 if max_rows is None else max_rows))
    if max_rows is not None and count > max_rows:
        lines.append(f"  … and {counted(count - max_rows, 'more address', 'more addresses')}; see the log.")
    return lines


def _lines(seen: Mapping[str, Sequence[Observation]], max_rows: int) -> Iterator[str]:
    rows = [row for observations in seen.values() for row in observations]
    server_width = max((len(row.server or "-") for row in rows), default=0)
    address_width = max((len(row.address or "-") for row in rows), default=0)
    left = max_rows
    for place, observations in seen.items():
        if left <= 0:
            return
        yield place
        for row in observations[:left]:
            server, address = row.server or "-", row.address or "-"
            yield f"  {server:<{server_width}}  {address:<{address_width}}  {words(row)}  {row.seconds:.2f} s"
        left -= len(observations)


def summary(seen: Mapping[str, Sequence[Observation]]) -> str:
    """Say in one line how many places are visible, and what one server answered that does not show its place."""
    missing = {place: rows for place, rows in seen.items() if said(rows) != {Says.YES}}
    text = f"{len(seen) - len(missing)} of {len(seen)} visible at every address"
    for place, rows in missing.items():
        for row in rows:
            if row.outcome.says in (Says.NO, Says.UNCLEAR):
                return f"{text}; {place} at {row.server or '-'} {row.address or '-'}: {words(row)}"
    return text


def worst_first(expectations: Sequence[Expectation], observations: Sequence[Observation]) -> list[Expectation]:
    """Return the expectations that are not visible everywhere, those that a server denies at the front."""
    seen = by_place(expectations, observations)
    missing = [expectation for expectation in expectations if said(seen[expectation.place]) != {Says.YES}]
    return sorted(missing, key=lambda expectation: Says.NO not in said(seen[expectation.place]))


def value_shown(value: str) -> str:
    """Return a value on one line, in quotation marks where it would otherwise look like another one."""
    if value and value == value.strip() and '"' not in value and "  " not in value:
        return one_line(value, MAX_VALUE_CHARACTERS)
    cut = value if len(value) <= MAX_VALUE_CHARACTERS else value[: MAX_VALUE_CHARACTERS - 1] + "…"
    return '"' + cut.replace('"', '\\"') + '"'
