"""What JSON lines cost: one batch out and its answers in, without Certbot; a whole run beside `--manual` hooks."""

from __future__ import annotations

import contextlib
import functools
import statistics
import subprocess
import sys
import time
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import Timing, Usage, take_turns
from bench.plan import MANUAL, Cell, Plan
from bench.ways import Ground
from certbot_external_auth.backends import Context, Finished, stream
from certbot_external_auth.backends.channel import Channel
from certbot_external_auth.backends.json_lines import JsonBackend
from certbot_external_auth.backends.stream import Stream
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.client import Challenge as Asked
from certbot_external_auth.client import Session
from certbot_external_auth.dialects import Facts
from certbot_external_auth.settings import Settings
from tests.support.testca import TestCA

COUNTS = (100, 1000)
GOAL = 50.0
"""Milliseconds for the lines and answers of 100 challenges."""
LINEAR = 1.5
"""How much more than ten times as much ten times as many may cost."""
ROUNDS = 7
LINES = "JSON lines"
DRIVER = """
import json, os, sys
os.write(1, b"\\n")
for text in sys.stdin:
    line = json.loads(text)
    ids = line["ids"] if line["cmd"] == "await" else [line["id"]] if line["cmd"] == "cleanup" else []
    if ids:
        os.write(1, b"".join(b'{"id": "%s", "ok": true}\\n' % one.encode() for one in ids))
"""


@dataclass(frozen=True)
class Cost:
    """Of one batch. :ivar seconds: of each round. :ivar peak: bytes at most while it was done."""

    count: int
    seconds: tuple[float, ...]
    peak: int

    @property
    def least(self) -> float:
        """Milliseconds."""
        return min(self.seconds) * 1000

    @property
    def median(self) -> float:
        """Milliseconds."""
        return statistics.median(self.seconds) * 1000


def measure() -> list[Cost]:
    """What the lines of one batch cost, by number of challenges."""
    found = []
    for count in COUNTS:
        seconds = tuple(batch(count) for _ in range(ROUNDS))
        tracemalloc.start()
        batch(count)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        found.append(Cost(count, seconds, peak))
    return found


def batch(count: int) -> float:
    """Seconds from the first line to the last answer, of `perform` and `cleanup` together."""
    challenges = [
        Challenge(f"c{number}", "dns-01", f"n{number}.example", "dns", f"{number:022d}", f"{number:022d}.{'x' * 43}")
        for number in range(count)
    ]
    with driver() as channel:
        stream._stream = Stream(channel)
        stream._stream.contact(1)
        backend = JsonBackend(Context(Settings(mode="json"), Facts()))
        begun = time.perf_counter()
        backend.perform(challenges, lambda _: None)
        failures = backend.cleanup([Finished(one, "valid") for one in challenges])
        seconds = time.perf_counter() - begun
    assert not failures, failures
    return seconds


@contextlib.contextmanager
def driver() -> Iterator[Channel]:
    """A program at the other end, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        channel = Channel(process.stdout.fileno(), process.stdin.fileno())
        # Its own start is not what is measured.
        assert channel.receive(time.monotonic() + 60) == b""
        yield channel
        process.stdin.close()


def whole(plan: Plan, folder: Path) -> dict[int, Mapping[str, Timing]]:
    """Whole runs by JSON lines and by `--manual` hooks, by number of names."""
    found: dict[int, Mapping[str, Timing]] = {}
    with TestCA() as ca:
        ground = Ground(ca, folder)
        for cell in (cell for cell in plan.cells if not cell.seconds):
            sides: dict[str, Callable[[], Usage]] = {
                LINES: functools.partial(by_lines, ground, cell),
                MANUAL: ground.way(MANUAL, cell),
            }
            found[cell.names] = take_turns(f"{cell.names} names by JSON lines", sides, plan.rounds)
    return found


def by_lines(ground: Ground, cell: Cell) -> Usage:
    """A run whose driver does what bench/hook.sh does, in its own process."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(path: str, body: str) -> None:
        opener.open(f"{ground.ca.management}/{path}", body.encode(), timeout=10).read()

    command = ground.command(cell, ["-a", "external-auth", "--external-auth-verify", "off"])
    begun = time.perf_counter()
    with Session(command[1:], command[:1], ground.environment(0), subprocess.DEVNULL) as session:
        for request in session:
            if isinstance(request, Asked):
                post("set-txt", f'{{"host": "{request.txt_domain}.", "value": "{request.validation}"}}')
            else:
                post("clear-txt", f'{{"host": "_acme-challenge.{request.line["domain"]}."}}')
            request.done()
    return Usage(time.perf_counter() - begun, 0.0, 0.0)


def section(costs: Sequence[Cost], runs: Mapping[int, Mapping[str, Timing]]) -> Iterator[str]:
    """For docs/performance.md."""
    yield "## JSON lines"
    yield ""
    yield (
        "All lines of one batch out and all answers in (`perform_challenge`, `await`, `cleanup`), without Certbot, "
        f"with a driver in a process of its own that answers each line by itself; least and median of {ROUNDS}."
    )
    yield ""
    yield "| challenges | least | median | for each (least) | memory at most |"
    yield "|---:|---:|---:|---:|---:|"
    for one in costs:
        each = one.least / one.count * 1000
        yield f"| {one.count} | {one.least:.1f} ms | {one.median:.1f} ms | {each:.0f} µs | {one.peak / 2**20:.1f} MiB |"
    yield ""
    few, many = costs[0], costs[-1]
    growth = many.count / few.count * LINEAR
    linear = many.least <= few.least * growth and many.peak <= few.peak * growth
    yield (
        f"Goal, {few.count} challenges in less than {GOAL:.0f} ms: {_word(few.least < GOAL)}. "
        f"Goal, time and memory linear: {_word(linear)}."
    )
    yield ""
    yield (
        "The whole `certbot certonly` in seconds (least), where the driver publishes by itself, and where `--manual` "
        "starts `bench/hook.sh`, which does the same work, for each challenge:"
    )
    yield ""
    yield "| names | by lines | `--manual` hooks | lines take |"
    yield "|---:|---:|---:|---:|"
    for names, timings in runs.items():
        lines, hooks = timings[LINES].least, timings[MANUAL].least
        yield f"| {names} | {lines:.2f} | {hooks:.2f} | {lines - hooks:+.2f} s |"
    yield ""


def _word(met: bool) -> str:
    return "met" if met else "missed"
