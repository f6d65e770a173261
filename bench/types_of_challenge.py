"""The same names by dns-01 and by tls-alpn-01."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.measuring import Timing, take_turns
from bench.plan import PLUGIN, Cell, Plan
from bench.ways import Ground
from tests.support.testca import TestCA
from tests.support.tls import serving

TYPES = ("dns-01", "tls-alpn-01")


def measure(plan: Plan, folder: Path) -> dict[int, dict[str, Timing]]:
    """By number of names, and type."""
    measured = {}
    with TestCA() as ca, serving(folder / "tls", ca.tls_port):
        ground = Ground(ca, folder)
        for names in plan.tls_names:
            sides = {kind: ground.way(PLUGIN, Cell(names, 0), "--preferred-challenges", kind) for kind in TYPES}
            measured[names] = take_turns(f"{names} names by {' and '.join(TYPES)}", sides, plan.rounds)
    return measured


def section(plan: Plan, types: Mapping[int, Mapping[str, Timing]]) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    yield "## tls-alpn-01 compared with dns-01"
    yield ""
    yield (
        f"The time of the whole `certbot certonly`, in seconds. Least and median of {plan.rounds}; the "
        "types take turns. For dns-01, the script exits at once. For tls-alpn-01, it copies two "
        "files for each name to a server (`examples/standalone-tls`), and Pebble asks that server "
        "three times for each name."
    )
    yield ""
    yield "| names | dns-01: least | median | tls-alpn-01: least | median | tls-alpn-01 more for each name (least) |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for names, measured in types.items():
        dns, alpn = (measured[kind] for kind in TYPES)
        each = (alpn.least - dns.least) / names * 1000
        yield (
            f"| {names} | {dns.least:.2f} | {dns.median:.2f} | {alpn.least:.2f} | {alpn.median:.2f} | {each:+.1f} ms |"
        )
    yield ""
