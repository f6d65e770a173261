"""Measures `certbot renew` when no certificate is due, for different numbers of certificates."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.measuring import Timing, Usage, bare_environment, take_turns, usage_of
from bench.plan import MANUAL, Plan
from tests.support import lineages
from tests.support.directory import directory

ALONE, INSTALLER, HANDLER = "plugin, authenticator", "plugin, installer too", "the same, with a handler"
OURS = ("authenticator = external-auth",)
BOTH = (*OURS, "installer = external-auth")
SIDES = {
    MANUAL: ("authenticator = manual", "manual_auth_hook = /bin/true", "pref_challs = dns-01,"),
    ALONE: (*OURS, "external_auth_handler = /bin/true"),
    INSTALLER: (*BOTH, "external_auth_mode = manual"),
    HANDLER: (*BOTH, "external_auth_handler = /bin/true"),
}
TIMES = {ALONE: 1.5, INSTALLER: 2.5}
"""How many times as much as with Certbot's own hooks one more certificate may cost."""
GROWTH = 5.2
"""How many times the processor time of a fifth of the certificates all of them may take."""
START = "import sys; from certbot.main import main; sys.exit(main())"

Found = Mapping[int, Mapping[str, Timing]]


def measure(plan: Plan, folder: Path) -> Found:
    """Measure each side with each number of certificates."""
    measured = {}
    with directory() as server:
        for count in plan.renewals:
            sides = {}
            for number, (side, options) in enumerate(SIDES.items()):
                place = folder / f"renewals-{number}"
                lineages.make(place / "config", count, server, options)
                sides[side] = functools.partial(_renew, place)
            measured[count] = take_turns(f"renew, {count} certificates", sides, plan.renewal_rounds)
            for number in range(len(SIDES)):
                shutil.rmtree(folder / f"renewals-{number}")
    return measured


def _renew(place: Path) -> Usage:
    folders = [f"--{kind}-dir={place / kind}" for kind in ("config", "work", "logs")]
    return usage_of([sys.executable, "-c", START, "renew", "-q", *folders], bare_environment())


# Telling


def section(measured: Found) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    counts = sorted(measured)
    yield "## Renewing many certificates"
    yield ""
    yield (
        "`certbot renew -q` when no certificate is due, for different numbers of certificates. The CA has no renewal "
        "information for them. As installer, the plugin compares each certificate with the one that it handed over "
        "last. In the last line it also calls the handler for each of them (`unchanged_cert`, here `/bin/true`). The "
        f"least of {len(measured[counts[0]][MANUAL].runs)} runs counts. Processor seconds are those of all processes "
        "together."
    )
    yield ""
    yield _line(["", *(f"{count}: seconds | processor seconds | MB" for count in counts), "ms for one more"])
    yield _line(["---", *["---:"] * (3 * len(counts) + 1)])
    for side in SIDES:
        cells = [f"{_least(measured[count][side])} | {measured[count][side].peak:.0f}" for count in counts]
        yield _line([side, *cells, f"{_slope(measured, side) * 1000:.1f}" if len(counts) > 1 else ""])
    yield ""
    if len(counts) > 1:
        yield from _goals(measured, counts)


def _goals(measured: Found, counts: Sequence[int]) -> Iterator[str]:
    for side, most in TIMES.items():
        times = _slope(measured, side) / _slope(measured, MANUAL)
        yield f"- {side}: one more certificate costs {times:.2f} times as much as with {MANUAL}; {_goal(times, most)}"
    few, many = counts[-2:]
    if many == 5 * few:
        for side in (MANUAL, INSTALLER, HANDLER):
            times = measured[many][side].cpu / measured[few][side].cpu
            goal = "" if side == MANUAL else f"; {_goal(times, GROWTH)}"
            yield f"- {side}: {many} certificates take {times:.2f} times the processor time of {few}{goal}"
    yield ""


def _goal(times: float, most: float) -> str:
    return f"goal, at most {most:g}: {'met' if times <= most else 'missed'}."


def _slope(measured: Found, side: str) -> float:
    """Return the processor seconds that one more certificate costs."""
    few, many = min(measured), max(measured)
    return (measured[many][side].cpu - measured[few][side].cpu) / (many - few)


def _least(timing: Timing) -> str:
    return f"{timing.least:.2f} | {timing.cpu:.2f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
