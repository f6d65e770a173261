"""The look before the CA is asked, measured: how long it takes when all is there, and how late it notices the last one.

python bench/visibility.py            # prints what docs/performance.md has
"""

from __future__ import annotations

import random
import statistics
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from certbot_external_auth.endpoint import Endpoint  # noqa: E402
from certbot_external_auth.visibility import Expectation  # noqa: E402
from certbot_external_auth.visibility.dns import probe  # noqa: E402
from certbot_external_auth.visibility.dns.resolver import Resolver  # noqa: E402
from certbot_external_auth.visibility.dns.zone import Zones  # noqa: E402
from certbot_external_auth.visibility.observer import Observer  # noqa: E402
from certbot_external_auth.visibility.probe import Surroundings  # noqa: E402
from certbot_external_auth.visibility.verdict import State  # noqa: E402
from certbot_external_auth.visibility.watch import Policy, watch  # noqa: E402
from tests.support.name_servers import Net  # noqa: E402

NAMES, ADDRESSES = 100, 6
RESOLVER = "127.0.5.53"
GOAL = 1.5
"""Seconds for seeing everything at once."""
LATEST = 20.0
"""Seconds after which the last value comes, at most."""
FIXED_SLEEP = 60.0
"""Seconds that a fixed sleep waits which is never too short here, as the defaults of many plugins do."""


@dataclass(frozen=True)
class Measured:
    """:ivar looks: seconds for all names at all addresses. :ivar threads: at most at the same time.
    :ivar memory: megabytes at most.
    :ivar delays: seconds from the last address having it to the CA being asked.
    """

    looks: Sequence[float]
    threads: int
    memory: float
    delays: Sequence[float]
    waits: Sequence[float]


def measure(rounds: int, late: int) -> Measured:
    """:param rounds: looks at everything. :param late: watches of a value that arrives late, all at the same time."""
    addresses = [f"127.0.5.{number}" for number in range(1, ADDRESSES + 1)]
    with Net([RESOLVER, *addresses]) as net:
        looks, threads = _all_there(net, addresses, rounds)
        memory = _memory(net)
        delays, waits = _late(net, addresses, late)
    return Measured(looks, threads, memory, delays, waits)


def _expectation(number: int) -> Expectation:
    name = f"n{number}.bench.example"
    return Expectation("dns-01", name, f"_acme-challenge.{name}", (f"value-{number}",), (str(number),))


def _zone(numbers: Sequence[int]) -> str:
    records = [f"_acme-challenge.n{number} 60 IN TXT value-{number}" for number in numbers]
    return "\n".join(["@ 60 IN SOA ns hostmaster 1 60 60 60 60", *records]) + "\n"


def _observer(net: Net, addresses: Sequence[str]) -> Observer:
    return Observer(Surroundings(tuple(Endpoint(address, net.port) for address in addresses)))


def _finding(net: Net) -> Observer:
    """One that has to find the zone and its servers, by a resolver, on the port that was free."""
    observer = Observer(Surroundings())
    zones = Zones(Resolver([Endpoint(RESOLVER, net.port)]), net.port)
    observer.dns = probe.Probe(Surroundings(), zones)
    return observer


def _all_there(net: Net, addresses: Sequence[str], rounds: int) -> tuple[list[float], int]:
    servers = "".join(f"@ 60 IN NS ns{n}\nns{n} 60 IN A {address}\n" for n, address in enumerate(addresses))
    net.serve("bench.example", _zone(range(NAMES)) + servers, [RESOLVER, *addresses])
    net[RESOLVER].recursive = True
    seconds, most = [], 0
    for _ in range(rounds):
        peak = _Peak()
        start = time.perf_counter()
        with peak:
            last = watch(_finding(net).look, [_expectation(n) for n in range(NAMES)], Policy("strict", 0, 0))
        seconds.append(time.perf_counter() - start)
        # One look only: on a machine that is too busy for its name servers there is nothing to measure.
        missing = sum(state is not State.VISIBLE for state in last.states.values())
        assert not missing, f"{missing} names were not seen in one look"
        most = max(most, peak.most)
    return seconds, most


def _memory(net: Net) -> float:
    tracemalloc.start()
    watch(_finding(net).look, [_expectation(n) for n in range(NAMES)], Policy("strict", 0, 0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1024**2


class _Peak:
    """Counts the threads that look, while a block runs."""

    def __enter__(self) -> _Peak:
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _count(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, sum(one.name == "visibility" for one in threading.enumerate()))


def _late(net: Net, addresses: Sequence[str], count: int) -> tuple[list[float], list[float]]:
    """Delay and whole wait of watches whose value comes at another moment at each address."""
    chance = random.Random(1)
    arrivals = {number: [chance.uniform(0, LATEST) for _ in addresses] for number in range(count)}
    start = time.monotonic()
    over = threading.Event()
    feeder = threading.Thread(target=_feed, args=(net, addresses, arrivals, start, over))
    feeder.start()
    ended: dict[int, float] = {}

    def wait(number: int) -> None:
        last = watch(_observer(net, addresses).look, [_expectation(number)], Policy("strict", 3 * LATEST, 0))
        assert set(last.states.values()) == {State.VISIBLE}
        ended[number] = time.monotonic() - start

    watches = [threading.Thread(target=wait, args=(number,)) for number in arrivals]
    for thread in watches:
        thread.start()
    for thread in watches:
        thread.join()
    over.set()
    feeder.join()
    numbers = sorted(ended)
    return [ended[each] - max(arrivals[each]) for each in numbers], [ended[each] for each in numbers]


def _feed(
    net: Net, addresses: Sequence[str], arrivals: dict[int, list[float]], start: float, over: threading.Event
) -> None:
    """Let the values come; a server has it a moment before it is counted as having it."""
    shown: dict[str, list[int]] = {}
    while not over.wait(0.02):
        now = time.monotonic() - start
        for index, address in enumerate(addresses):
            numbers = [number for number, moments in arrivals.items() if moments[index] <= now]
            if shown.get(address) != numbers:
                shown[address] = numbers
                net.serve("bench.example", _zone(numbers), [address])


def section(measured: Measured) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    least, median = min(measured.looks), statistics.median(measured.looks)
    yield "## Verifying"
    yield ""
    yield (
        f"{NAMES} names at {ADDRESSES} addresses, all published from the start. The plugin first has "
        "to find the zone and its servers. The name servers run in the same process, so the time "
        f"includes their work: {least:.2f} s at least, {median:.2f} s median of {len(measured.looks)}; "
        f"{measured.threads} threads with one socket each, {measured.memory:.1f} MiB at most. Goal, less "
        f"than {GOAL:g} s: {'met' if median < GOAL else 'missed'}."
    )
    yield ""
    delays = sorted(measured.delays)
    yield (
        f"{len(delays)} values that reach each of {ADDRESSES} addresses at a different time, up to "
        f"{LATEST:.0f} s late. The table has the seconds from the moment when the last address has the "
        "value until the CA is asked."
    )
    yield ""
    yield "| | median | maximum | asked too early |"
    yield "|---|---:|---:|---:|"
    early = sum(delay < 0 for delay in delays)
    pace = "checks after 1 s, then at growing intervals until another address has it"
    yield f"| plugin ({pace}) | {statistics.median(delays):.2f} | {delays[-1]:.2f} | {early} |"
    waits = [wait - delay for wait, delay in zip(measured.waits, measured.delays, strict=True)]
    fixed = [FIXED_SLEEP - arrived for arrived in waits]
    yield f"| a fixed sleep of {FIXED_SLEEP:.0f} s | {statistics.median(fixed):.2f} | {max(fixed):.2f} | 0 |"
    yield ""


def main() -> int:
    print("\n".join(section(measure(rounds=5, late=100))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
