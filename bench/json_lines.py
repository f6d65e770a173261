"""What the JSON lines cost: all lines out and all answers in, without Certbot, and a whole run beside `--manual` hooks.

    python bench/json_lines.py

prints the section that bench/run.py writes into docs/performance.md.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from certbot_external_auth.backends import Context, Finished, stream  # noqa: E402
from certbot_external_auth.backends.channel import Channel  # noqa: E402
from certbot_external_auth.backends.json_lines import JsonBackend  # noqa: E402
from certbot_external_auth.backends.stream import Stream  # noqa: E402
from certbot_external_auth.challenges import Challenge  # noqa: E402
from certbot_external_auth.client import Challenge as Asked  # noqa: E402
from certbot_external_auth.client import Session  # noqa: E402
from certbot_external_auth.dialects import Facts  # noqa: E402
from certbot_external_auth.settings import Settings  # noqa: E402

COUNTS = (100, 1000)
GOAL = 50.0
"""Milliseconds for the lines and answers of 100 challenges."""
LINEAR = 1.5
"""How much more than ten times as much ten times as many may cost."""
ROUNDS = 7
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


def by_lines(command: Sequence[str | Path], environment: Mapping[str, str], management: str) -> float:
    """Seconds of a whole run whose driver does what bench/hook.sh does, in its own process."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(path: str, body: str) -> None:
        opener.open(f"{management}/{path}", body.encode(), timeout=10).read()

    begun = time.perf_counter()
    words = [*map(str, command)]
    with Session(words[1:], words[:1], environment, subprocess.DEVNULL) as session:
        for request in session:
            if isinstance(request, Asked):
                post("set-txt", f'{{"host": "{request.txt_domain}.", "value": "{request.validation}"}}')
            else:
                post("clear-txt", f'{{"host": "_acme-challenge.{request.line["domain"]}."}}')
            request.done()
    return time.perf_counter() - begun


def table(costs: Sequence[Cost], whole: Mapping[int, tuple[float, float]]) -> Iterator[str]:
    """:param whole: number of names to seconds of a run by lines, and by hooks (the least of each)."""
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
    for names, (lines, hooks) in whole.items():
        yield f"| {names} | {lines:.2f} | {hooks:.2f} | {lines - hooks:+.2f} s |"
    yield ""


def _word(met: bool) -> str:
    return "met" if met else "missed"


def main() -> int:
    from bench import run

    with tempfile.TemporaryDirectory(prefix="external-auth-bench-") as folder:
        whole = run.measure_lines(run.FULL, Path(folder))
    print("\n".join(table(measure(), whole)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
