"""How long the Ansible role takes: by the number of hosts, and by the number of certificates.

    python bench/fleet.py [--hosts 1,5,10] [--certificates 25,50,100,200]

The hosts are namespaces of this machine, with sshd and nginx; root only. The tables go to the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.fleet_bed import PLAY, Bed, bed  # noqa: E402

FORKS = ("-f", "10")


@dataclass(frozen=True)
class Run:
    """A play that has ended.

    :ivar tasks: that ran, over all hosts.
    :ivar megabytes: at most, of Ansible's main process.
    """

    seconds: float
    tasks: int
    changed: int
    megabytes: float


def run(found: Bed, **more: object) -> Run:
    """Run the role once."""
    begun, megabytes, output = time.monotonic(), 0.0, []
    words = ("-e", json.dumps({**found.vars, **more}), *FORKS)
    process = found.ansible.start(PLAY, *words, inventory=found.fleet.inventory())
    assert process.stdout is not None
    for line in process.stdout:
        output.append(line.decode())
        if line.startswith(b"PLAY RECAP"):
            megabytes = peak(process.pid)
    if process.wait() != 0:
        raise RuntimeError(f"the play ended with {process.returncode}: " + "".join(output[-40:]))
    seconds = time.monotonic() - begun
    found.certbot.after_run()
    recap = "".join(output[-len(found.fleet.hosts) - 2 :])
    return Run(seconds, total("ok", recap), total("changed", recap), megabytes)


def peak(pid: int) -> float:
    """Return how much memory a process has had at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)[0]) / 1024


def total(word: str, recap: str) -> int:
    """Return the sum of a column of the last lines of a play."""
    return sum(map(int, re.findall(rf"\b{word}=(\d+)", recap)))


def by_hosts(counts: list[int]) -> None:
    """Print a table: one certificate, and hosts."""
    print("| hosts | issue | tasks | second run | tasks | renewal | tasks |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, bed(Path(folder), count) as found:
            runs = [run(found), run(found), run(found, certificate_force=True)]
        cells = [cell for one in runs for cell in (f"{one.seconds:.0f} s", str(one.tasks))]
        print("| " + " | ".join([str(count), *cells]) + " |", flush=True)


def by_certificates(counts: list[int]) -> None:
    """Print a table: one host, and certificates."""
    print("| certificates | issue | memory of Ansible | second run | memory of Ansible |")
    print("|---:|---:|---:|---:|---:|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, bed(Path(folder), 1) as found:
            names = [f"c{number}.test" for number in range(count)]
            for name in names:
                found.ca.set_addresses(name, found.fleet.hosts[0].address)
            found.vars["certificate_list"] = [{"name": name, "names": [name], "served": False} for name in names]
            runs = [run(found), run(found)]
            assert runs[1].changed == 0
        cells = [cell for one in runs for cell in (f"{one.seconds:.0f} s", f"{one.megabytes:.0f} MB")]
        print("| " + " | ".join([str(count), *cells]) + " |", flush=True)


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
