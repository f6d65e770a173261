"""What a handler's calls printed that did not count as failures, for errors about the names they published. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from certbot_external_auth.text import counted

MOST_CALLS = 5
"""Calls in an error; the log has all."""


@dataclass(frozen=True)
class Printed:
    """The last lines of one call that published.

    :ivar operation: the operation.
    :ivar identifiers: names and addresses that the call was about.
    :ivar ids: of the challenges that it published; empty for a call around the whole batch.
    :ivar lines: cleaned and masked.
    :ivar failed: how it failed, for an optional call, which may.
    """

    operation: str
    identifiers: tuple[str, ...]
    ids: tuple[str, ...]
    lines: tuple[str, ...]
    failed: str = ""


def about(printed: Iterable[Printed], ids: Collection[str]) -> list[Printed]:
    """Return the calls that published some of these challenges, and those around the batch; only if they have lines."""
    return [one for one in printed if one.lines and (not one.ids or not set(one.ids).isdisjoint(ids))]


def shown(who: str, printed: Sequence[Printed]) -> list[str]:
    """Return lines for an error. :param who: the handler, at the beginning of a sentence."""
    if not printed:
        return []
    # A call for all names at once says more than one of many calls.
    chosen = sorted(range(len(printed)), key=lambda number: bool(printed[number].ids))[:MOST_CALLS]
    lines = [f"{who} reported success. Its last lines were:"]
    for one in (printed[number] for number in sorted(chosen)):
        more = [] if len(one.identifiers) <= MOST_CALLS else ["…"]
        failed = f" ({one.failed})" if one.failed else ""
        lines.append(f"  {' '.join([one.operation, *one.identifiers[:MOST_CALLS], *more])}{failed}:")
        lines += [f"  | {line}" for line in one.lines]
    if len(printed) > MOST_CALLS:
        lines.append(f"  … and those of {counted(len(printed) - MOST_CALLS, 'more call')}; see the log.")
    return lines
