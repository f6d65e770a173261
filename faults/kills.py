"""SIGKILL at random moments of real runs, and what is left when the next run has ended well.

The same for this plugin, for Certbot's own `--manual` and for Debian's Dehydrated, with hooks that do the same work.
The next run is for another name, as it is on a host with many certificates.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faults.bed import Host, at_a_time, host
from faults.table import Row, Table
from tests.support.testca import TestCA
from tests.support.words import handler, names

NAMES = "abcde"
PATIENCE = 180.0
MORE = 4
"""So many times as often a moment may be drawn, since some come after the end of a run and do not count."""
LONGER = 1.5
"""So much longer than for one name it may take for five."""
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


def _plugin(script: str, *options: str) -> Words:
    def words(place: Host, domains: Sequence[str]) -> list[str]:
        return place.certbot.command(["certonly", *handler(place.hooks.path(script), *options), *names(*domains)])

    return words


def _manual(place: Host, domains: Sequence[str]) -> list[str]:
    hook = place.hooks.path("speaks-all.py")
    hooks = ["--manual-auth-hook", hook, "--manual-cleanup-hook", hook, "--preferred-challenges", "dns"]
    return place.certbot.command(["certonly", "-n", "--manual", *hooks, *names(*domains)])


def _dehydrated(*options: str) -> Words:
    def words(place: Host, domains: Sequence[str]) -> list[str]:
        wanted = [word for name in domains for word in ("--domain", name)]
        common = ["dehydrated", "--config", str(place.certbot.cwd / "config"), "--cron", "--challenge", "dns-01"]
        return [*common, "--hook", place.hooks.path("speaks-all.py"), "--alias", domains[0], *wanted, *options]

    return words


def _prepare_dehydrated(chain: str) -> Callable[[Host], None]:
    def prepare(place: Host) -> None:
        ca = place.certbot.ca
        lines = [f"CA={ca.directory}", f'CURL_OPTS="--cacert {ca.ca_bundle}"', f"BASEDIR={place.certbot.cwd}"]
        config = place.certbot.cwd / "config"
        config.write_text("\n".join([*lines, f"HOOK_CHAIN={chain}"]) + "\n")
        _finish(place, ["dehydrated", "--config", str(config), "--register", "--accept-terms"])

    return prepare


OURS = (
    Side("this plugin, native", _plugin("publishes.py")),
    Side("this plugin, native, five at a time", _plugin("publishes.py", *JOBS)),
    Side("this plugin, dehydrated", _plugin("publishes-as-dehydrated.py", *DEHYDRATED)),
    Side("this plugin, dehydrated, chained", _plugin("publishes-as-dehydrated.py", *CHAIN)),
)
OTHERS = (
    Side("Certbot's `--manual`", _manual, clean=False),
    Side("Dehydrated", _dehydrated(), clean=False, prepare=_prepare_dehydrated("no")),
    Side("Dehydrated, chained", _dehydrated(), clean=False, prepare=_prepare_dehydrated("yes")),
)


@dataclass
class Count:
    """Of one side. :ivar left: kills after which records were there. :ivar still: the same after the next run.
    :ivar tried: a run without a kill ends well, so that what is counted means something."""

    kills: int = 0
    left: int = 0
    still: int = 0
    records: int = 0
    failed: list[str] = field(default_factory=list)
    tried: bool = True


def table(ca: TestCA, folder: Path, quick: bool, seed: int) -> Table:
    sides = OURS if quick else (*OURS, *OTHERS)
    kills = 1 if quick else 50
    found = list(at_a_time(partial(_side, ca, folder, kills, seed), sides))
    rows = [
        Row(
            count.tried and not (side.clean and (count.records or count.failed)),
            (
                side.what,
                count.kills,
                count.left,
                count.still,
                count.records,
                f"{len(count.failed)}: {count.failed[0]} first" if count.failed else 0,
            ),
        )
        for side, count in zip(sides, found, strict=True)
    ]
    return Table(
        "Killed at a random moment",
        f"A run for {len(NAMES)} names is ended by SIGKILL at a random moment (seed {seed}), every other time together "
        "with everything it had started; then the same client issues for another name. The records are those of the "
        "name server that Pebble asks. For the clients of others the table shows what is; only this plugin has to "
        "leave nothing.",
        ("client", "kills", "records there after", "still there after the next run", "records left", "next run failed"),
        rows,
    )


def _side(ca: TestCA, folder: Path, kills: int, seed: int, side: Side) -> Count:
    dice = random.Random(f"{seed} {side.what}")
    place, count = host(folder, ca), Count()
    side.prepare(place)
    takes = _finish(place, side.words(place, [f"first.{place.domain}"]))
    if takes is None:
        return Count(failed=["no run ends well, so nothing could be tried"], tried=False)
    for number in range(kills * MORE):
        if count.kills < kills:
            takes = _kill_one(place, side, number, takes, dice, count)
    place.end_started()
    return count


def _kill_one(place: Host, side: Side, number: int, takes: float, dice: random.Random, count: Count) -> float:
    """One kill and the run after it; the seconds that this took, by which the next moment is drawn."""
    domains = [f"{letter}{number}.{place.domain}" for letter in NAMES]
    if not _killed(place, side.words(place, domains), dice.uniform(0, takes * LONGER), dice.random() < 0.5):
        return takes
    count.kills += 1
    count.left += bool(_records(place, domains))
    began = time.monotonic()
    other = side.words(place, [f"other{number}.{place.domain}"])
    if _finish(place, other) is None:
        # Dehydrated's lock is a file, which stays; whoever finds it must remove it.
        (place.certbot.cwd / "lock").unlink(missing_ok=True)
        count.failed.append(f"kill {number + 1}")
        _finish(place, other)
    _wait_for_rest(place)
    records = len(_records(place, domains))
    count.still += bool(records)
    count.records += records
    for name in domains:
        place.certbot.ca.clear_txt(f"_acme-challenge.{name}")
    return time.monotonic() - began


def _records(place: Host, domains: Sequence[str]) -> list[str]:
    return [value for name in domains for value in place.certbot.ca.txt(f"_acme-challenge.{name}")]


def _killed(place: Host, words: Sequence[str], after: float, with_all: bool) -> bool:
    """Whether the kill came before the end."""
    with _started(place, words) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after)
            return False
        process.kill()
        if with_all:
            place.end_started()
        process.wait()
    return True


def _finish(place: Host, words: Sequence[str]) -> float | None:
    """Seconds of a run that ends well, None if it does not."""
    began = time.monotonic()
    with _started(place, words) as process:
        returncode = process.wait(PATIENCE)
    return time.monotonic() - began if returncode == 0 else None


@contextlib.contextmanager
def _started(place: Host, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (place.record.parent / "output").open("ab") as output:
        process = subprocess.Popen(
            words,
            env=place.certbot.environment,
            cwd=place.certbot.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_rest(place: Host) -> None:
    """A handler whose caller was killed may still be at work."""
    deadline = time.monotonic() + PATIENCE
    while place.started() and time.monotonic() < deadline:
        time.sleep(0.05)
