"""Kills real runs by SIGKILL at random moments, and counts what is left after the next successful run.

The test treats this plugin, Certbot's own `--manual` and Debian's Dehydrated alike, with hooks that do the same work.
The next run is for another name, as it is on a host with many certificates.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults import peers
from faults.bed import Host, at_a_time, host
from faults.table import Row, Table
from tests.support.bind import Bind
from tests.support.testca import TestCA
from tests.support.words import handler, names

NAMES = "abcde"
ZONE = "test"
NONE = "no run succeeds, so nothing could be tried"
PATIENCE = 180.0
MORE = 4
"""How many moments are drawn at most for each kill: a moment after the end of a run does not count."""
LONGER = 1.5
"""How many times as long as for one name a run for five may take."""
DEHYDRATED = ("--external-auth-dialect", "dehydrated")
CHAIN = (*DEHYDRATED, "--external-auth-hook-chain", "yes")
JOBS = ("--external-auth-jobs", "5")

Words = Callable[[Host, Sequence[str]], list[str]]


@dataclass(frozen=True)
class Side:
    """:ivar words: the command line that issues for names on a host. :ivar clean: nothing may be left."""

    what: str
    words: Words
    clean: bool = True
    prepare: Callable[[Host], None] = lambda place: None


def plugin(script: str, *options: str) -> Words:
    def words(place: Host, domains: Sequence[str]) -> list[str]:
        return place.certbot.command(["certonly", *handler(place.hooks.path(script), *options), *names(*domains)])

    return words


def _manual(place: Host, domains: Sequence[str]) -> list[str]:
    hook = place.hooks.path("speaks-all.py")
    return peers.manual(place, domains, hook, hook)


def _dehydrated(place: Host, domains: Sequence[str]) -> list[str]:
    return peers.dehydrated(place, domains, place.hooks.path("speaks-all.py"))


OURS = (
    Side("this plugin, native", plugin("publishes.py")),
    Side("this plugin, native, a wrapper that becomes the hook (`exec`)", plugin("becomes-another.sh")),
    Side("this plugin, native, published at the end of the batch", plugin("gathers.py")),
    Side("this plugin, native, five at a time", plugin("publishes.py", *JOBS)),
    Side("this plugin, dehydrated", plugin("publishes-as-dehydrated.py", *DEHYDRATED)),
    Side("this plugin, dehydrated, chained", plugin("publishes-as-dehydrated.py", *CHAIN)),
)
OTHERS = (
    Side("Certbot's `--manual`", _manual, clean=False),
    Side("Dehydrated", _dehydrated, clean=False, prepare=partial(peers.register, chain="no")),
    Side("Dehydrated, chained", _dehydrated, clean=False, prepare=partial(peers.register, chain="yes")),
)


@dataclass
class Count:
    """The counts of one side. :ivar left: kills after which records existed. :ivar still: the same after the next run.
    :ivar tried: a run without a kill succeeds, so the counts mean something."""

    kills: int = 0
    left: int = 0
    still: int = 0
    records: int = 0
    failed: int = 0
    tried: bool = True


def table(folder: Path, quick: bool, seed: int) -> Table:
    # The first does what the second does, without a wrapper.
    sides = OURS[1:] if quick else (*OURS, *OTHERS)
    kills = 1 if quick else 50
    with Bind(ZONE) as zone, TestCA(dns_server=zone.server) as ca:
        outcomes = list(at_a_time(partial(_side, zone, ca, folder, kills, seed), sides, len(sides)))
    rows = [
        Row(
            count.tried and not (side.clean and (count.records or count.failed)),
            (side.what, count.kills, count.left, count.still, count.records, count.failed if count.tried else NONE),
        )
        for side, count in zip(sides, outcomes, strict=True)
    ]
    return Table(
        "Killed at a random moment",
        f"The test ends a run for {len(NAMES)} names by SIGKILL at a random moment (seed {seed}), "
        "every second time together with every process that the run started. Then the same client "
        "gets a certificate for another name. The hooks send their updates to BIND with nsupdate, and "
        "Pebble asks BIND. If only the client is killed, its hook may still publish. The test waits "
        "for that hook, so more records can exist after the next run than right after the kill. If "
        "the next run fails, the test removes what the killed run left (for Dehydrated, the file "
        "`lock`), repeats the run, and then counts the records. For other clients the table only "
        "shows the result. This plugin must leave nothing.",
        (
            "client",
            "kills",
            "kills that left records",
            "kills with records after the next run",
            "records left",
            "next runs that failed",
        ),
        rows,
    )


def _side(zone: Bind, ca: TestCA, folder: Path, kills: int, seed: int, side: Side) -> Count:
    dice = random.Random(f"{seed} {side.what}")
    place, count = host(folder, ca), Count()
    place.certbot.environment.update(SERVER=f"{zone.address} {zone.port}", KEY_FILE=str(zone.key_file))
    side.prepare(place)
    takes = peers.finish(place, side.words(place, [f"first.{place.domain}"]))
    if takes is None:
        return Count(tried=False)
    for number in range(kills * MORE):
        if count.kills < kills:
            takes = _kill_one(zone, place, side, number, takes, dice, count)
    place.end_started()
    return count


def _kill_one(
    zone: Bind, place: Host, side: Side, number: int, takes: float, dice: random.Random, count: Count
) -> float:
    """Make one kill and the run after it; return the seconds it took, from which the next moment is drawn."""
    domains = [f"{letter}{number}.{place.domain}" for letter in NAMES]
    if not _killed(place, side.words(place, domains), dice.uniform(0, takes * LONGER), dice.random() < 0.5):
        return takes
    count.kills += 1
    count.left += bool(records(place, domains))
    began = time.monotonic()
    other = side.words(place, [f"other{number}.{place.domain}"])
    if peers.finish(place, other) is None:
        peers.unlock(place)
        count.failed += 1
        peers.finish(place, other)
    wait_for_rest(place)
    there = len(records(place, domains))
    count.still += bool(there)
    count.records += there
    if there:
        zone.change(*(f"del _acme-challenge.{name} TXT" for name in domains))
    return time.monotonic() - began


def records(place: Host, domains: Sequence[str]) -> list[str]:
    return [value for name in domains for value in place.certbot.ca.txt(f"_acme-challenge.{name}")]


def _killed(place: Host, words: Sequence[str], after: float, with_all: bool) -> bool:
    """Tell whether the kill came before the end of the run."""
    with peers.started(place, words) as process:
        return peers.killed(place, process, after, with_all)


def wait_for_rest(place: Host) -> None:
    """Wait for the handlers of a killed run, which may still be working."""
    deadline = time.monotonic() + PATIENCE
    while place.started() and time.monotonic() < deadline:
        time.sleep(0.05)
