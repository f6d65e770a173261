"""Kills the processes that withdraw what a killed run left, repeatedly and at random moments.

The test then counts what is left after the next successful run. Further cases kill a process while it writes the
journal, and use a handler that always kills the run that called it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from certbot_external_auth.files import own_folder
from certbot_external_auth.journal.entry import Entry, EntryError, decode
from certbot_external_auth.recovery import INTERRUPTIONS
from faults import failing_calls, peers
from faults.bed import Host, at_a_time, host
from faults.kills import CHAIN, JOBS, NAMES, Words, plugin, records, wait_for_rest
from faults.outcome import PATIENCE, Found, left, words_of
from faults.table import Row, Table
from tests.support import recover
from tests.support.testca import TestCA

BATCHES = 8
AIMED = 4
HANDLERS = {
    "native": plugin("publishes.py"),
    "native, five at a time": plugin("publishes.py", *JOBS),
    "native, a wrapper that becomes the hook (`exec`)": plugin("becomes-another.sh"),
    "native, published at the end of the batch": plugin("gathers.py"),
    "dehydrated, chained": plugin("publishes-as-dehydrated.py", *CHAIN),
}
RECOVER, RUN, SAME = "`recover`", "a run for another name", "a run for the same names"
TRIES = 3
"""How many runs may end before they are killed."""
PUBLISHED_FOR = ("--external-auth-verify-settle", "10")
"""Makes a run wait when everything is published, so that the kill is in time on a busy machine, too."""
NO_MORE = "no run tries to remove it any more"


def table(ca: TestCA, folder: Path, quick: bool, seed: int) -> Table:
    ways = [(way, handler) for way in (RECOVER, RUN, SAME) for handler in HANDLERS]
    ways = ways[:1] if quick else ways
    cases: dict[str, Callable[[Host], Found]] = {
        f"{way}, repeatedly; {handler}": partial(_again_and_again, way, handler, 1 if quick else BATCHES, seed)
        for way, handler in ways
    }
    if not quick:
        cases["every run, by its handler, during its cleanup"] = _by_its_handler
    cases.update(failing_calls.killed_cases(quick))
    outcomes = list(at_a_time(lambda case: case(host(folder, ca)), list(cases.values())))
    return Table(
        "Killed during a recovery",
        f"The test kills a run for {len(NAMES)} names when all of them are published. It then kills "
        "the processes that remove these challenges: `recover`, and runs for another name or for the "
        f"same names. It does so up to {INTERRUPTIONS - 1} times for a batch, at a random moment (seed "
        f"{seed}). One time in {AIMED} the moment is between start and end of the process, otherwise "
        "during a handler call. Every second time it also kills every process that was started. Then "
        "a run for another name goes on undisturbed. It must succeed. Nothing of the earlier runs may "
        "remain published or in the journal, no journal file may have been damaged, and no process "
        "may remain. The last rows are runs that `strace` kills when they enter a system call of the "
        "journal. The next run must leave nothing of them.",
        ("what is killed", "result"),
        [
            Row(not case.wrong, (what, case.wrong or case.said))
            for what, case in zip(cases, outcomes, strict=True)
            if case.wrong or case.said != failing_calls.NO_SUCH_CALL
        ],
    )


@dataclasses.dataclass(frozen=True)
class _Takes:
    """The seconds that it takes to withdraw one batch. :ivar calls: those during which the handler is called."""

    all: float
    calls: float


@dataclasses.dataclass
class _Count:
    """:ivar during: kills while a handler was called. :ivar most: of one batch."""

    batches: int = 0
    kills: int = 0
    during: int = 0
    most: int = 0

    def __str__(self) -> str:
        return (
            f"{self.batches} batches, {self.kills} kills, {self.during} of them during a handler call, at most "
            f"{self.most} of those for one batch"
        )


def _again_and_again(way: str, handler: str, batches: int, seed: int, place: Host) -> Found:
    publish, dice, count = HANDLERS[handler], random.Random(f"{seed} {way} {handler}"), _Count()
    takes = None
    for number in range(batches + 1):
        domains = [f"{letter}{number}.{place.domain}" for letter in NAMES]
        if not _leave(place, publish(place, domains), domains):
            return Found("", "no run published")
        withdraw = partial(_words, way, publish, place, domains)
        if takes is None:
            takes = _measured(place, withdraw(0))
            if takes is None:
                return Found("", "the recovery fails without a kill")
            continue
        wrong = _kill_often(place, withdraw, takes, dice, count)
        last = [f"last{number}.{place.domain}"]
        if not wrong and peers.finish(place, publish(place, last)) is None:
            wrong = f"the next run failed: {_output(place)}"
        others = [_other(domains, each) for each in range(INTERRUPTIONS)]
        wrong = wrong or _left_over(place, [*domains, *others, *last])
        if wrong:
            place.end_started()
            return Found("", f"{wrong} ({count})")
    return Found(f"{count}; nothing left")


def _words(way: str, publish: Words, place: Host, domains: Sequence[str], kill: int) -> list[str]:
    if way == RECOVER:
        return recover.command(place.certbot)
    return publish(place, [_other(domains, kill)] if way == RUN else domains)


def _other(domains: Sequence[str], kill: int) -> str:
    return f"other{kill}.{domains[0]}"


def _leave(place: Host, words: Sequence[str], domains: Sequence[str]) -> bool:
    """Kill a run that has published everything."""
    for _ in range(TRIES):
        with peers.started(place, [*words, *PUBLISHED_FOR]) as process:
            while process.poll() is None:
                if len(records(place, domains)) == len(domains):
                    process.kill()
                    place.end_started()
                    process.wait()
                    return True
                time.sleep(0.02)
    return False


def _kill_often(
    place: Host, withdraw: Callable[[int], list[str]], takes: _Takes, dice: random.Random, count: _Count
) -> str:
    """Kill recoveries until one has withdrawn everything, or often enough; return what is wrong then."""
    count.batches += 1
    for kill in range(1, dice.randint(3, INTERRUPTIONS)):
        before = _interrupted(place)
        if not _killed(place, withdraw(kill), takes, dice):
            break
        count.kills += 1
        damaged = _damaged(place)
        if damaged:
            return f"damaged: {damaged}"
        count.during += _interrupted(place) > before
        count.most = max([count.most, *(one.interrupted for one in _entries(place))])
    return ""


def _killed(place: Host, words: Sequence[str], takes: _Takes, dice: random.Random) -> bool:
    """Tell whether the kill came before the end of the process."""
    before = _interrupted(place)
    aimed, with_all = dice.randrange(AIMED) > 0, dice.random() < 0.5
    moment = dice.uniform(0, takes.calls if aimed else takes.all)
    with peers.started(place, words) as process:
        while aimed and process.poll() is None and _interrupted(place) <= before:
            time.sleep(0.01)
        return peers.killed(place, process, moment, with_all)


def _measured(place: Host, words: Sequence[str]) -> _Takes | None:
    """Withdraw one batch without a kill; return None if that fails."""
    began, calls, ended = time.monotonic(), 0.0, 0.0
    with peers.started(place, words) as process:
        while process.poll() is None:
            if _interrupted(place):
                calls = calls or time.monotonic()
            elif calls:
                ended = ended or time.monotonic()
            time.sleep(0.01)
    now = time.monotonic()
    return None if process.returncode or not calls else _Takes(now - began, (ended or now) - calls)


def _journal(place: Host) -> Path:
    return place.certbot.work_dir / own_folder.NAME / "journal"


def _entries(place: Host) -> list[Entry]:
    """Return the entries that another process could read now. An incomplete file would be an EntryError."""
    entries = []
    for path in recover.journal(place.certbot):
        with contextlib.suppress(FileNotFoundError):
            entries.append(decode(path.read_bytes()))
    return entries


def _interrupted(place: Host) -> int:
    """Return the attempts that still run, or were interrupted."""
    return sum(one.interrupted for one in _entries(place))


def _damaged(place: Host) -> list[str]:
    """Return the files of the journal's folder that are neither a batch nor one that is being written."""
    damaged = []
    for path in _journal(place).iterdir():
        try:
            if not path.name.startswith(own_folder.PASSING) and f"{decode(path.read_bytes()).id}.json" != path.name:
                damaged.append(path.name)
        except EntryError as error:
            damaged.append(f"{path.name}: {error}")
    return damaged


def _left_over(place: Host, domains: Sequence[str]) -> str:
    wait_for_rest(place)
    there = {"records": records(place, domains), "processes": place.started()}
    there["files of the journal"] = [path.name for path in _journal(place).iterdir()]
    return "; ".join(f"{what} are left: {found}" for what, found in there.items() if found)


def _output(place: Host) -> str:
    return (place.record.parent / "output").read_text(errors="replace")[-300:]


def _by_its_handler(place: Host) -> Found:
    """A handler that kills each recovery must not be called for ever, and its batch must not be forgotten."""
    script = "kills-its-caller.sh"
    first = place.certbot.run(*words_of(place, script), timeout=PATIENCE)
    if first.returncode == 0 or not left(place):
        return Found("", f"the first run was not killed: {first.stderr[-300:]}")
    for ended in range(2 * INTERRUPTIONS):
        # This run publishes with another handler, so it can end.
        run = place.certbot.run(*words_of(place, name=f"run{ended}."), timeout=PATIENCE)
        if run.returncode == 0:
            break
    wrong = "" if run.returncode == 0 else f"still killed after {ended} runs"
    wrong = wrong or ("" if NO_MORE in run.stderr and left(place) else f"not said to be left: {run.stderr[-300:]}")
    Path(f"{place.record}.spare").touch()
    recovered = recover.recover(place.certbot)
    wrong = wrong or ("" if recovered.returncode == 0 else recovered.stdout[-300:])
    wrong = wrong or _left_over(place, [place.domain])
    return Found(
        f"{ended} runs were killed; the next one succeeded and reported that runs do not try any more; `recover` "
        "removed it",
        wrong,
    )
