"""How long the Ansible role takes: by the number of hosts, and by the number of certificates.

    python bench/fleet.py [--hosts 1,5,10] [--certificates 25,50,100,200]

The hosts are namespaces of this machine, with sshd and nginx; root only. The tables go to the terminal.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.ansible import Play  # noqa: E402
from tests.support.fleet_bed import PLAY, Bed, bed  # noqa: E402

FORKS = ("-f", "10")


def timed(found: Bed, **more: object) -> tuple[float, int, Play]:
    """Return seconds, and how many tasks ran, over all hosts."""
    begun = time.monotonic()
    play = found.play(*FORKS, text=PLAY, **more)
    if play.code != 0:
        raise RuntimeError(play.output)
    return time.monotonic() - begun, play.count("ok"), play


def by_hosts(counts: list[int]) -> None:
    """Print a table: one certificate, and hosts."""
    print("| hosts | issue | tasks | second run | tasks | renewal | tasks |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, bed(Path(folder), count) as found:
            runs = [timed(found), timed(found), timed(found, certificate_force=True)]
        cells = [cell for seconds, tasks, _ in runs for cell in (f"{seconds:.0f} s", str(tasks))]
        print("| " + " | ".join([str(count), *cells]) + " |", flush=True)


def by_certificates(counts: list[int]) -> None:
    """Print a table: one host, and certificates."""
    print("| certificates | issue | second run | memory of Ansible |")
    print("|---:|---:|---:|---:|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, bed(Path(folder), 1) as found:
            names = [f"c{number}.test" for number in range(count)]
            for name in names:
                found.ca.set_addresses(name, found.fleet.hosts[0].address)
            found.vars["certificate_list"] = [{"name": name, "names": [name], "served": False} for name in names]
            issue, _, _ = timed(found)
            again, _, play = timed(found)
            assert play.count("changed") == 0
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"| {count} | {issue:.0f} s | {again:.0f} s | {memory:.0f} MB |", flush=True)


def numbers(text: str) -> list[int]:
    """Read a list of numbers."""
    return [int(part) for part in text.split(",") if part]


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=numbers, default=[])
    parser.add_argument("--certificates", type=numbers, default=[])
    arguments = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    if arguments.hosts:
        by_hosts(arguments.hosts)
    if arguments.certificates:
        by_certificates(arguments.certificates)
    return 0


if __name__ == "__main__":
    sys.exit(main())
