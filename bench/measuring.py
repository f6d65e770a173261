"""Runs programs, and measures what they take."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NOISE = 0.02
"""Share by which two equal runs of some seconds differ on a busy machine."""


@dataclass(frozen=True)
class Usage:
    """What one run took, including the processes that it started and waited for.

    :ivar wall: seconds. :ivar cpu: seconds of all processors. :ivar peak: megabytes of the largest process.
    """

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Timing:
    """The measurements of several equal runs."""

    runs: tuple[Usage, ...]

    @property
    def least(self) -> float:
        return min(run.wall for run in self.runs)

    @property
    def median(self) -> float:
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        return min(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        return max(run.peak for run in self.runs)


def usage_of(argv: Sequence[str | Path], environment: Mapping[str, str]) -> Usage:
    """Run a program that must succeed."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            argv, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/"
        )
        _, status, used = os.wait4(process.pid, 0)
        taken = time.perf_counter() - start
        # No other code may wait for this process now.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            shown = output.read().decode(errors="replace")[-5000:]
            sys.exit(f"\n{' '.join(map(str, argv))[:2000]}\nended with {process.returncode}:\n{shown}")
    return Usage(taken, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def take_turns(label: str, sides: Mapping[str, Callable[[], Usage]], rounds: int) -> dict[str, Timing]:
    """Run the sides one after the other, so that whatever slows the machine slows all of them."""
    measured: dict[str, list[Usage]] = {side: [] for side in sides}
    for number in range(rounds):
        # Forwards and backwards, so that no side always comes after the same other one.
        for side in list(sides)[:: -1 if number % 2 else 1]:
            measured[side].append(sides[side]())
        if sys.stdout.isatty() or number + 1 == rounds:
            print(f"\r{label}: {number + 1} of {rounds}", end="", flush=True)
    timings = {side: Timing(tuple(runs)) for side, runs in measured.items()}
    print(f" ({', '.join(f'{side}: {timing.least:.2f} s' for side, timing in timings.items())})", flush=True)
    return timings


def bare_environment() -> dict[str, str]:
    """Return the caller's environment without a proxy, which must not stand between servers of one machine."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
