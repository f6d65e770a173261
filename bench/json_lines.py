"""Measures JSON lines: the lines and answers of one batch without Certbot, and whole runs beside `--manual` hooks."""

from __future__ import annotations

import contextlib
import functools
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import Timing, Usage, take_turns
from bench.plan import MANUAL, Cell, Plan
from bench.ways import Ground
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.json_lines import JsonBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.client import Challenge as Asked
from certbot_external_auth.client import Session
from certbot_external_auth.dialects import Facts
from certbot_external_auth.protocol import stream
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.socket_channel import SocketChannel
from certbot_external_auth.protocol.stream import Stream
from certbot_external_auth.settings import Settings
from tests.support.testca import TestCA

COUNTS = (100, 1000)
GOAL = 50.0
"""Milliseconds for the lines and answers of 100 challenges."""
LINEAR = 1.5
"""Ten times as many challenges may cost ten times as much, times this."""
LINES = "JSON lines"
PIPE, SOCKET = "pipe", "socket"
EQUAL = 1.2
"""The socket may take so many times as long as the pipe in the median round: two equal batches differ by that."""
DRIVER = """
import json, os, socket, sys
if len(sys.argv) > 1:
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    os.dup2(client.fileno(), 0)
    os.dup2(client.fileno(), 1)
os.write(1, b"\\n")
for text in sys.stdin:
    line = json.loads(text)
    ids = line["ids"] if line["cmd"] == "await" else [line["id"]] if line["cmd"] == "cleanup" else []
    if ids:
        os.write(1, b"".join(b'{"id": "%s", "ok": true}\\n' % one.encode() for one in ids))
"""


@dataclass(frozen=True)
class Cost:
    """Of one batch.

    :ivar way: `PIPE` or `SOCKET`. :ivar seconds: of each round. :ivar peak: bytes at most while it was done.
    """

    way: str
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


def measure(rounds: int) -> list[Cost]:
    """Measure the lines of one batch, by number of challenges and way; the ways take turns."""
    measured = []
    for count in COUNTS:
        seconds = [{way: batch(count, way) for way in (PIPE, SOCKET)} for _ in range(rounds)]
        measured += [Cost(way, count, tuple(one[way] for one in seconds), peak(count, way)) for way in (PIPE, SOCKET)]
    return measured


def peak(count: int, way: str) -> int:
    """Return the most bytes of memory that a batch takes."""
    tracemalloc.start()
    batch(count, way)
    measured = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return measured


def batch(count: int, way: str) -> float:
    """Return the seconds from the first line to the last answer, for `perform` and `cleanup` together."""
    challenges = [
        Challenge(f"c{number}", "dns-01", f"n{number}.example", "dns", f"{number:022d}", f"{number:022d}.{'x' * 43}")
        for number in range(count)
    ]
    with driver() if way == PIPE else driver_on_socket() as channel:
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
    """Start a driver in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        channel = Channel(process.stdout.fileno(), process.stdin.fileno())
        # The start of the driver is not measured.
        assert channel.receive(time.monotonic() + 60) == b""
        yield channel
        process.stdin.close()


@contextlib.contextmanager
def driver_on_socket() -> Iterator[Channel]:
    """Start the same driver, connected to a socket."""
    with tempfile.TemporaryDirectory() as folder:
        channel = SocketChannel(f"{folder}/s", f"{folder}/lines")
        with subprocess.Popen([sys.executable, "-c", DRIVER, channel.path]):
            assert channel.receive(time.monotonic() + 60) == b""
            yield channel
            channel.finish()


def whole(plan: Plan, folder: Path) -> dict[int, Mapping[str, Timing]]:
    """Measure whole runs with JSON lines and with `--manual` hooks, by number of names."""
    measured: dict[int, Mapping[str, Timing]] = {}
    with TestCA() as ca:
        ground = Ground(ca, folder)
        for cell in (cell for cell in plan.cells if not cell.seconds):
            sides: dict[str, Callable[[], Usage]] = {
                LINES: functools.partial(by_lines, ground, cell),
                MANUAL: ground.way(MANUAL, cell),
            }
            measured[cell.names] = take_turns(f"{cell.names} names by JSON lines", sides, plan.rounds)
    return measured


def by_lines(ground: Ground, cell: Cell) -> Usage:
    """Run Certbot with a driver that does the work of bench/hook.sh in its own process."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(path: str, body: str) -> None:
        opener.open(f"{ground.ca.management}/{path}", body.encode(), timeout=10).read()

    words = ["-a", "external-auth", "--external-auth-verify=off"]
    words += [f"--external-auth-verify-nameservers={ground.ca.dns}"]
    command = ground.command(ground.names(cell), words)
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
    """Write the section of docs/performance.md."""
    yield "## JSON lines"
    yield ""
    yield (
        "The time for all lines of one batch (`perform_challenge`, `await`, `cleanup`) and all "
        "answers, without Certbot. The driver is a process of its own, and answers each line by "
        "itself. The lines go over stdout and stdin, or over a session's socket; the plugin also "
        f"records the latter. Least and median of {len(costs[0].seconds)}; the ways take turns."
    )
    yield ""
    yield "| challenges | over | least | median | for each (least) | memory at most |"
    yield "|---:|---|---:|---:|---:|---:|"
    for cost in costs:
        each = f"{cost.least / cost.count * 1000:.0f} µs | {cost.peak / 2**20:.1f} MiB"
        yield f"| {cost.count} | {cost.way} | {cost.least:.1f} ms | {cost.median:.1f} ms | {each} |"
    yield ""
    yield " ".join(_goals(costs))
    yield ""
    yield (
        "The time of the whole `certbot certonly`, in seconds (least). With lines, the driver "
        "publishes by itself. With `--manual`, Certbot starts `bench/hook.sh` for each challenge, "
        "which does the same work."
    )
    yield ""
    yield "| names | by lines | `--manual` hooks | lines take |"
    yield "|---:|---:|---:|---:|"
    for names, timings in runs.items():
        lines, hooks = timings[LINES].least, timings[MANUAL].least
        yield f"| {names} | {lines:.2f} | {hooks:.2f} | {lines - hooks:+.2f} s |"
    yield ""


def _goals(costs: Sequence[Cost]) -> Iterator[str]:
    by = {(one.way, one.count): one for one in costs}
    few, many = COUNTS
    quick = all(by[way, few].least < GOAL for way in (PIPE, SOCKET))
    yield f"Goal, {few} challenges in less than {GOAL:.0f} ms: {_word(quick)}."
    growth = many / few * LINEAR
    linear = all(
        by[way, many].least <= by[way, few].least * growth and by[way, many].peak <= by[way, few].peak * growth
        for way in (PIPE, SOCKET)
    )
    yield f"Goal, time and memory linear: {_word(linear)}."
    pairs = [zip(by[SOCKET, count].seconds, by[PIPE, count].seconds, strict=True) for count in COUNTS]
    ratios = [statistics.median(ours / pipe for ours, pipe in rounds) for rounds in pairs]
    numbers = " and ".join(f"{ratio:.2f}" for ratio in ratios)
    equal = max(ratios) <= EQUAL
    yield f"Goal, the socket as fast as the pipe: it takes {numbers} times as long (median of rounds): {_word(equal)}."


def _word(met: bool) -> str:
    return "met" if met else "missed"
