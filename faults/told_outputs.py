"""Hooks that publish and withdraw in one script, and learn from CERTBOT_AUTH_OUTPUT which of the two to do.

Their runs are killed at random moments. `recover` and the next run must report as removed only what is gone, and must
report what is left. The last case is a journal that cannot be written.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from certbot_external_auth.recovery.verb import NOTHING_LEFT
from faults import peers
from faults.bed import Host, at_a_time, host
from faults.kills import LONGER, MORE, NONE, Words, plugin, records, wait_for_rest
from faults.outcome import PATIENCE
from faults.table import Row, Table
from tests.support import recover
from tests.support.bind import Bind
from tests.support.testca import TestCA

NAMES = "abc"
ZONE = "test"
KILLS = 200
"""Kills of runs of this plugin, over all hooks; the variable KILLS sets another number."""
MAX_AT_A_TIME = 5
AIMED = 3
"""One in so many kills comes at any moment of the run, the others while the hook publishes."""
HOOK = "tells-by-output.py"
SAID = re.compile(r'TXT record (\S+?)\. "([\w-]+)"')
WITHDRAWN = ("Withdrawn: ", "Cleaned up after the run of ")
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'

Record = tuple[str, str]
"""A record: its name and value."""


@dataclass(frozen=True)
class Side:
    """:ivar words: the command line that issues for names on a host. :ivar prints: when the hook does.
    :ivar number: of the signal that ends the run. :ivar share: of so many kills of the others there is one."""

    what: str
    words: Words
    prints: str
    ours: bool = True
    number: signal.Signals = signal.SIGKILL
    share: int = 1
    quick: bool = False


@dataclass
class Count:
    """The counts of one side. :ivar there: kills after which records existed. :ivar said: records reported as removed.
    :ivar standing: of these, still there. :ivar lost: records that exist and are not reported.
    :ivar left: records reported as left. :ivar ends: what ended in another way than it must."""

    kills: int = 0
    there: int = 0
    said: int = 0
    standing: int = 0
    lost: int = 0
    left: int = 0
    ends: list[str] = field(default_factory=list)
    tried: bool = True

    @property
    def ok(self) -> bool:
        return self.tried and not (self.standing or self.lost or self.ends)


def table(folder: Path, quick: bool, seed: int) -> Table:
    with Bind(ZONE) as zone, TestCA(dns_server=zone.server) as ca:
        sides = [side for side in _sides() if side.quick or not quick]
        ours = [side for side in sides if side.ours and side.share == 1]
        kills = 2 if quick else -(-int(os.environ.get("KILLS", KILLS)) // len(ours))
        outcomes = list(at_a_time(partial(_side, zone, ca, folder, kills, seed), sides, MAX_AT_A_TIME))
        rows = [_row(side, count) for side, count in zip(sides, outcomes, strict=True)]
        rows.append(_read_only(host(folder, ca), zone))
    return Table(
        "Hooks that need their own output",
        "One script is both hook and cleanup hook. Like deSEC's public hook, it publishes unless "
        f"CERTBOT_AUTH_OUTPUT has the value. The test ends a run for {len(NAMES)} names by SIGKILL at a random "
        f"moment (seed {seed}): two times in three during a call of the hook, and every second time together with "
        "all processes that the run started. Rows with a signal use that signal instead, and fewer runs. Then the "
        "test starts, in turn, `recover` or the same client for another name. The records are in BIND. Every "
        "record that is reported as removed must be gone, and every record that exists must be reported as left. "
        "The test removes these by hand, and the next `recover` must notice that. The plugin cannot remove a "
        "record if the hook died after it published and before it printed. Certbot's `--manual` reports nothing "
        "that a dead run left, and calls no hook.",
        (
            "client",
            "kills",
            "kills that left records",
            "records reported as removed",
            "of these, still there",
            "there, but not reported",
            "reported as left",
        ),
        rows,
    )


def _sides() -> list[Side]:
    words = ("--external-auth-dialect", "certbot", "--external-auth-cleanup-handler")

    def ours(*more: str) -> Words:
        return lambda place, domains: plugin(HOOK, *words, place.hooks.path(HOOK), *more)(place, domains)

    def launched(place: Host, domains: Sequence[str]) -> list[str]:
        plain = ours()(place, domains)
        hook = place.hooks.path(HOOK)
        # Only for the handler; the cleanup handler is the hook itself.
        number = plain.index(hook)
        return [*plain[:number], f"nice -n 1 {hook}", *plain[number + 1 :]]

    def manual(place: Host, domains: Sequence[str]) -> list[str]:
        return peers.manual(place, domains, place.hooks.path(HOOK), place.hooks.path(HOOK))

    return [
        Side("this plugin; it prints when it has published", ours(), "last", quick=True),
        Side("this plugin; it prints before it publishes", ours(), "first"),
        Side(
            "this plugin, three at a time; it prints when it has published", ours("--external-auth-jobs", "3"), "last"
        ),
        Side("this plugin, three at a time; it prints before", ours("--external-auth-jobs", "3"), "first"),
        Side("this plugin; a line of progress first, and the rest when it has published", ours(), "progress", share=4),
        *(
            Side(f"the same, {number.name} to the run", ours(), "progress", number=number, share=4, quick=True)
            for number in (signal.SIGTERM, signal.SIGINT)
        ),
        Side("this plugin; `nice -n 1` before the hook; it prints when it has published", launched, "last", share=4),
        Side("Certbot's `--manual`; it prints when it has published", manual, "last", ours=False),
    ]


def _row(side: Side, count: Count) -> Row:
    cells: list[object] = [side.what, count.kills, count.there, count.said, count.standing, count.lost, count.left]
    if not count.tried:
        cells[-1] = NONE
    elif count.ends:
        cells[-1] = f"{count.left}; {'; '.join(count.ends[:3])}"
    return Row(count.ok or not side.ours, cells)


def _side(zone: Bind, ca: TestCA, folder: Path, kills: int, seed: int, side: Side) -> Count:
    dice, count, place = random.Random(f"{seed} {side.what}"), Count(), _host(folder, ca, zone, side.prints)
    takes = _calls(place, side.words(place, [f"{each}.{place.domain}" for each in NAMES]))
    if takes is None:
        return Count(tried=False)
    wanted = -(-kills // side.share)
    for number in range(wanted * MORE):
        if count.kills < wanted:
            _kill_one(zone, place, side, number, takes, dice, count)
    place.end_started()
    return count


def _host(folder: Path, ca: TestCA, zone: Bind, prints: str) -> Host:
    place = host(folder, ca)
    place.certbot.environment.update(SERVER=f"{zone.address} {zone.port}", KEY_FILE=str(zone.key_file), PRINTS=prints)
    return place


def _published(place: Host) -> int:
    return len(place.hooks.calls("publish"))


def _calls(place: Host, words: Sequence[str]) -> tuple[float, float] | None:
    """Return the seconds of a run, and of its calls that publish; None if it fails."""
    began, first, last, seen = time.monotonic(), 0.0, 0.0, 0
    with peers.started(place, words) as process:
        while process.poll() is None:
            if (number := _published(place)) > seen:
                seen, last = number, time.monotonic()
                first = first or last
            time.sleep(0.01)
    return (time.monotonic() - began, last - first) if process.returncode == 0 and seen else None


def _kill_one(
    zone: Bind,
    place: Host,
    side: Side,
    number: int,
    takes: tuple[float, float],
    dice: random.Random,
    count: Count,
) -> None:
    """Make one kill, and start the client that comes after it."""
    domains = [f"{each}{number}.{place.domain}" for each in NAMES]
    place.hooks.forget()
    if not _killed(place, side, domains, takes, dice):
        return
    count.kills += 1
    count.there += bool(records(place, domains))
    by_hand = side.ours and count.kills % 2 == 0
    other = f"other{number}.{place.domain}"
    words = recover.command(place.certbot) if by_hand else side.words(place, [other])
    code, text = _ended(place, words)
    wait_for_rest(place)
    _judge(place, side, domains, text, count)
    if not by_hand and code:
        count.ends.append(f"the next run: exit code {code}")
    _tidy(zone, place, side, [*domains, other], count)


def _killed(place: Host, side: Side, domains: Sequence[str], takes: tuple[float, float], dice: random.Random) -> bool:
    aimed, with_all = dice.randrange(AIMED) > 0, dice.random() < 0.5
    moment = dice.uniform(0, LONGER * (takes[1] if aimed else takes[0]))
    with peers.started(place, side.words(place, domains)) as process:
        while aimed and process.poll() is None and not _published(place):
            time.sleep(0.005)
        if side.number is signal.SIGKILL:
            return peers.killed(place, process, moment, with_all)
        if peers.ends(process, moment):
            return False
        process.send_signal(side.number)
        process.wait(PATIENCE)
        return True


def _ended(place: Host, words: Sequence[str]) -> tuple[int, str]:
    ended = subprocess.run(
        words,
        env=place.certbot.environment,
        cwd=place.certbot.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode(errors="replace")


def _judge(place: Host, side: Side, domains: Sequence[str], text: str, count: Count) -> None:
    """Compare what is reported about the records with those that exist."""
    there = {(f"_acme-challenge.{name}", value) for name in domains for value in records(place, [name])}
    said = {
        (name, value) for line in text.splitlines() if line.startswith(WITHDRAWN) for name, value in SAID.findall(line)
    }
    left = _noted(place) if side.ours else set[Record]()
    count.said += len(said)
    count.standing += len(said & there)
    count.lost += len(there - left)
    count.left += len(there & left)


def _noted(place: Host) -> set[Record]:
    """Return the records that `recover --list` names."""
    _, text = _ended(place, recover.command(place.certbot, "--list", "--json"))
    batches = json.loads(text)["left"]
    return {(each["txt_domain"], each["validation"]) for batch in batches for each in batch["challenges"]}


def _tidy(zone: Bind, place: Host, side: Side, domains: Sequence[str], count: Count) -> None:
    """Remove by hand what exists; the next `recover` must notice that it is gone."""
    zone.change(*(f"del _acme-challenge.{name} TXT" for name in domains))
    if side.ours:
        code, text = _ended(place, recover.command(place.certbot))
        if code or recover.journal(place.certbot):
            count.ends.append(f"recover after it was removed by hand: exit code {code}, {text[-200:]}")


def _read_only(place: Host, zone: Bind) -> Row:
    """Run `recover` when the journal of a killed run cannot be written."""
    what = "this plugin; the journal is on a file system that cannot be written"
    if os.geteuid() or shutil.which("unshare") is None:
        return Row(True, (what, 0, 0, 0, 0, 0, "not tried: it needs the right to mount"))
    place.certbot.environment.update(SERVER=f"{zone.address} {zone.port}", KEY_FILE=str(zone.key_file))
    kills = f'#!/bin/sh\n{place.hooks.native} "$@"\n[ "$1" != perform ] || kill -KILL $PPID\n'
    place.hooks.write("kills.sh", kills)
    _ended(place, plugin("kills.sh")(place, [place.domain]))
    before = records(place, [place.domain])
    work, ends = str(place.certbot.work_dir), []
    for words in (["--list"], ["--list", "--json"], ["--dry-run"], []):
        mounted = ["unshare", "-m", "sh", "-c", READ_ONLY, work, *recover.command(place.certbot, *words)]
        code, text = _ended(place, mounted)
        if NOTHING_LEFT in text or (before[0] not in text and words != ["--dry-run"]) or (not words and not code):
            ends.append(f"recover {' '.join(words)}: exit code {code}, {text[-200:]}")
    code, _ = _ended(place, recover.command(place.certbot))
    if code or records(place, [place.domain]):
        ends.append("what is left is not withdrawn afterwards")
    left = (
        "; ".join(ends)
        or "reported by each of `recover`, `--list` and `--json`; removed as soon as the journal can be written"
    )
    return Row(not ends, (what, 1, len(before), 0, 0, len(ends), left))
