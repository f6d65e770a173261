"""Measures the time from Certbot's last challenge to the end of `begin`."""

from __future__ import annotations

import datetime
import functools
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.measuring import Usage, take_turns
from bench.plan import Cell, Host, Plan
from bench.ways import Ground
from tests.support import certificates
from tests.support.testca import TestCA

GOAL = 100.0
"""Milliseconds."""
COMMAND = Path(sys.executable).parent / "certbot-external-auth"


def measure(plan: Plan, folder: Path) -> dict[Host, list[float]]:
    """Milliseconds of each try."""
    measured = {}
    with TestCA() as ca:
        ground = Ground(ca, folder)
        for host in plan.hosts:
            sides: dict[str, Callable[[], Usage]] = {"begin": functools.partial(_begun, ground, host)}
            label = f"begin for {host.names} names beside {host.certificates} certificates"
            timing = take_turns(label, sides, plan.begins)["begin"]
            measured[host] = [run.wall * 1000 for run in timing.runs]
    return measured


def _begun(ground: Ground, host: Host) -> Usage:
    """Return the milliseconds from the time in the last challenge line to the end of `begin`."""
    words = ground.command(Cell(host.names, 0).domains, [])[1:]
    run = ground.folder / "run"
    for number in range(host.certificates):
        live = run / "config" / "live" / f"other{number}"
        live.mkdir(parents=True)
        certificates.self_signed(live / "cert.pem", [f"other{number}.example"])
    environment = {**ground.environment(0), "XDG_RUNTIME_DIR": str(ground.folder)}

    def verb(*words: str) -> bytes:
        return subprocess.run(
            [COMMAND, *words], env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True
        ).stdout

    document = verb("begin", "--", *words)
    ended = datetime.datetime.now(datetime.timezone.utc)
    session = json.loads(document)["session"]
    said = (run / "work" / "external-auth" / "sessions" / session / "lines").read_text().splitlines()
    last = [line["ts"] for line in map(json.loads, said) if line["cmd"] == "perform_challenge"][-1]
    verb("abort", f"--work-dir={run / 'work'}", session)
    # Python 3.10 reads no Z.
    return Usage((ended - datetime.datetime.fromisoformat(last.replace("Z", "+00:00"))).total_seconds(), 0.0, 0.0)


def section(measured: Mapping[Host, Sequence[float]]) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    yield "## Certbot in two steps"
    yield ""
    yield (
        "The time from Certbot's last challenge to the end of `certbot-external-auth begin`, for "
        "different numbers of names and of existing certificates. Least, median and greatest of "
        f"{len(next(iter(measured.values())))}."
    )
    yield ""
    yield "| names | certificates | least | median | greatest |"
    yield "|---:|---:|---:|---:|---:|"
    for host, tries in measured.items():
        numbers = f"{min(tries):.0f} ms | {statistics.median(tries):.0f} ms | {max(tries):.0f} ms"
        yield f"| {host.names} | {host.certificates} | {numbers} |"
    yield ""
    met = all(statistics.median(tries) < GOAL for tries in measured.values())
    yield f"Goal, less than {GOAL:.0f} ms (median): {'met' if met else 'missed'}."
    yield ""
