"""Measures whole runs that issue a certificate, with each client and each size, beside Certbot's own hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.measuring import NOISE, Timing, take_turns
from bench.plan import CLIENTS, LOOKS, MANUAL, PLUGIN, PLUGIN_16, WAYS, Cell, Plan
from bench.ways import Ground
from certbot_external_auth.text import counted
from tests.support.testca import TestCA

FASTER = 10.0
"""How many times faster than Certbot's own hooks jobs 16 must be in the largest cell."""
SIXTEEN = Cell(100, 1)

Found = Mapping[Cell, Mapping[str, Timing]]
Floor = Mapping[int, Timing]


def measure(plan: Plan, folder: Path) -> tuple[Found, Floor]:
    """Measure all cells, and Certbot alone for each number of names."""
    measured = {}
    with TestCA() as ca:
        ground = Ground(ca, folder)
        for cell in plan.cells:
            measured[cell] = _cell(plan, ground, cell)
    with TestCA(authz_reuse=100) as ca:
        ground = Ground(ca, folder)
        floor = {names: _floor(plan, ground, names) for names in sorted({cell.names for cell in plan.cells})}
    return measured, floor


def _cell(plan: Plan, ground: Ground, cell: Cell) -> dict[str, Timing]:
    ways = [way for way in WAYS if way not in plan.left_out.get(cell, ())]
    ours = {way: ground.way(way, cell) for way in ways if way not in CLIENTS}
    others = {way: ground.way(way, cell) for way in ways if way in CLIENTS}
    measured = take_turns(f"{cell}, Certbot", ours, plan.rounds_of(cell))
    return {**measured, **take_turns(f"{cell}, other clients", others, 1)} if others else measured


def _floor(plan: Plan, ground: Ground, names: int) -> Timing:
    """Measure Certbot when every authorization is valid already."""
    run = ground.known(Cell(names, 0))
    run()
    return take_turns(f"{names} names, valid already", {"floor": run}, plan.rounds)["floor"]


# Telling


def section(plan: Plan, measured: Found, floor: Floor) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    rounds = max(len(timing.runs) for timings in measured.values() for timing in timings.values())
    yield "## Getting a certificate"
    yield ""
    yield (
        "Every client calls the same script (`bench/hook.sh`) and uses the same Pebble, with new "
        "names in each run. The script publishes or removes a TXT record and then sleeps. A column is "
        "a number of names and the time that the script sleeps. Certbot's ways take turns for up to "
        f"{rounds} rounds, and fewer if they are slow; the least time counts. Other clients run once. "
        "`lego` handles one name after the other, with its interval set to 0. A chain is one call for "
        f"all names, so the script sleeps once for all of them. In the line “{LOOKS}”, the plugin "
        "verifies every record at the test's name server. In the other lines it does not "
        "(`--external-auth-verify off`), because no other client here verifies. It then only looks up "
        "aliases before the first call."
    )
    yield ""
    if plan.left_out:
        left_out = "; ".join(f"{', '.join(ways)} at {cell}" for cell, ways in plan.left_out.items())
        yield f"Not measured, because it takes long and the other cells show the same: {left_out}."
        yield ""
    yield from _table("Seconds", measured, lambda cell, timing: f"{timing.least:.2f}")
    yield "![Seconds by number of names, by client](pictures/performance.svg)"
    yield ""
    manual = {cell: timings[MANUAL].least for cell, timings in measured.items()}
    yield from _table(
        "Times as long as with Certbot's `--manual`", measured, lambda cell, timing: _ratio(timing, manual[cell])
    )
    yield (
        "The floor is the time that no hook can beat. It is a Certbot run in which the CA considers "
        "all names valid, so that nothing is published, plus the time that the script sleeps, twice."
    )
    yield ""
    yield from _table(
        "Times as long as the floor", measured, lambda cell, timing: _ratio(timing, _floor_of(cell, floor))
    )
    yield from _table("Processor seconds", measured, lambda cell, timing: f"{timing.cpu:.2f}")
    yield ("A client that is smaller than the benchmark program appears with the size of the benchmark program.")
    yield ""
    yield from _table("Megabytes of the largest process", measured, lambda cell, timing: f"{timing.peak:.0f}")
    yield from _goals(measured)


def _floor_of(cell: Cell, floor: Floor) -> float:
    return floor[cell.names].least + 2 * cell.seconds


def _ratio(timing: Timing, other: float) -> str:
    return f"{timing.least / other:.2f}"


def _table(title: str, measured: Found, value: Callable[[Cell, Timing], str]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield f"| | {' | '.join(map(str, measured))} |"
    yield f"|---|{'---:|' * len(measured)}"
    for way in WAYS:
        row = [value(cell, timings[way]) if way in timings else "" for cell, timings in measured.items()]
        if any(row):
            yield f"| {way} | {' | '.join(row)} |"
    yield ""


def _goals(measured: Found) -> Iterator[str]:
    yield "### Goals"
    yield ""
    if SIXTEEN in measured:
        times = measured[SIXTEEN][MANUAL].least / measured[SIXTEEN][PLUGIN_16].least
        verdict = "met" if times >= FASTER else "missed"
        yield f"- {SIXTEEN}, jobs 16 at least {FASTER:g} times faster than `--manual`: {times:.1f} times, {verdict}."
    at_once: Sequence[Cell] = [cell for cell in measured if not cell.seconds]
    slower = [
        f"{counted(cell.names, 'name')} ({measured[cell][PLUGIN].least:.2f} s, `--manual` "
        f"{measured[cell][MANUAL].least:.2f} s; processor time {measured[cell][PLUGIN].cpu:.2f} s and "
        f"{measured[cell][MANUAL].cpu:.2f} s)"
        for cell in at_once
        if measured[cell][PLUGIN].least > measured[cell][MANUAL].least * (1 + NOISE)
    ]
    verdict = f"missed for {', '.join(slower)}" if slower else "met"
    yield (
        "- With a script that takes no time and jobs 1, not slower than `--manual` (by more than "
        f"{NOISE:.0%}, the difference between equal runs): {verdict}. `--manual` starts the script "
        "twice for each name. So does the plugin, and four more times for each certificate. Certbot "
        "asks the CA once a second for the result, so equal runs may differ by a second. Their "
        "processor time does not."
    )
    yield ""
