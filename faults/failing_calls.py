"""Calls of the system fail once, by strace: those by which the journal is kept, and those by which it is read. Or its
process is killed at one of them, before it does anything."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faults.bed import Host
from faults.outcome import PATIENCE, Found, after, sentence, wait, words_of, wrong_with
from tests.support.certbot import Result
from tests.support.recover import journal, recover

NO_SUCH_CALL = "there is no such call in a run"
TIMES = 3
"""So many of each are tried: the first fails, or the second, or the third."""
ANYWHERE = {"fsync": 1, "renameat": 1, "unlinkat": 2, "flock": 1, "fchmod": 1, "mkdirat": 1}
"""Calls that only the journal's keeping makes, and the first of a run that is not Certbot's own."""
TRIES = 5
PASSING = "passing"
IN_JOURNAL = "/journal/"
KILLED = "killed."
KILL = "SIGKILL"
NEVER = 65535
"""The highest number that strace takes."""


@dataclass(frozen=True)
class Failing:
    """:ivar number: the how manyth. :ivar where: "journal" for those in its folder, "entry" for those of a file that a
    killed run left, "passing" for those of the file that is written, whose name nobody knows before, or any.
    """

    call: str
    number: int
    where: str = ""
    error: str = "EIO"
    killed: bool = False
    env: dict[str, str] = field(default_factory=dict)

    @property
    def sure(self) -> bool:
        """There is such a call in every run."""
        return self.where == PASSING or self.number == ANYWHERE.get(self.call, 1)

    @property
    def what(self) -> str:
        places = {"": "", "journal": " in the journal's folder", "entry": " of a file of the journal"}
        place = places.get(self.where, " of the journal's new file")
        state = ", after a kill" if self.killed else ", after a cleanup that failed" if self.env else ""
        if self.error == KILL:
            who = "a run that withdraws" if self.killed else "a run"
            return f"{who}, at {self.call}{place}, number {self.number}{'' if self.killed else state}"
        return f"{self.call}{place} fails with {self.error}, number {self.number}{state}"


def cases(quick: bool) -> dict[str, Callable[[Host], Found]]:
    """What is tried, and how."""
    chosen = [Failing("fsync", 1), Failing("read", 1, "entry", killed=True)] if quick else _all()
    return {one.what: partial(_try, one) for one in chosen}


def killed_cases(quick: bool) -> dict[str, Callable[[Host], Found]]:
    """The same with kills: of a run that writes its journal, and of one that withdraws what another has left."""
    calls = ("fsync", "renameat", "unlinkat", "flock", "fchmod")
    chosen = [Failing(call, number, "", KILL, old) for old in (False, True) for call in calls for number in (1, 2, 3)]
    chosen += [Failing("write", 1, PASSING, KILL), Failing("write", 2, PASSING, KILL, env={"FAIL_AT": "cleanup"})]
    quickly = [Failing("renameat", 1, "", KILL, killed=True)]
    return {one.what: partial(_try, one) for one in (quickly if quick else chosen)}


def _all() -> list[Failing]:
    found = [Failing(call, first + more) for call, first in ANYWHERE.items() for more in range(TIMES)]
    for killed in (False, True):
        for call in ("openat", "getdents64"):
            found += [Failing(call, number, "journal", killed=killed) for number in range(1, TIMES + 1)]
    found += [
        Failing(call, number, "entry", killed=True) for call in ("read", "flock") for number in range(1, TIMES + 1)
    ]
    found += [Failing("write", 1, PASSING, error) for error in ("EIO", "ENOSPC")]
    # The batch is written again with what could not be withdrawn.
    found.append(Failing("write", 2, PASSING, "ENOSPC", env={"FAIL_AT": "cleanup"}))
    return found


def _try(failing: Failing, place: Host) -> Found:
    if shutil.which("strace") is None:
        return Found("not tried: strace is missing")
    folder = place.certbot.work_dir / "external-auth" / "journal"
    place.certbot.environment["JOURNAL"] = str(folder)
    # Certbot has its account and folders before; what fails is a call of the run itself.
    first = place.certbot.run(*words_of(place, name="first."))
    if first.returncode:
        return Found("", f"the first run: {first.stderr[-300:]}")
    if failing.killed:
        _leave_entry(place)
    if failing.call == "mkdirat":
        shutil.rmtree(folder.parent)
    paths = {"journal": [folder], "entry": journal(place.certbot)}.get(failing.where, [])
    # How many writes a run makes elsewhere before, only a run can tell, and the next one may make one more.
    number = NEVER if failing.where == PASSING else failing.number
    for attempt in range(TRIES):
        name = f"try{attempt}."
        result, trace = _traced(place, failing, number, paths, name)
        # Signals have lines as well.
        lines = [line for line in trace.splitlines() if line.startswith(f"{failing.call}(")]
        if failing.error == KILL:
            hit = result.returncode == -signal.SIGKILL and (failing.where != PASSING or IN_JOURNAL in lines[-1])
        else:
            hit = any("(INJECTED)" in line and (failing.where != PASSING or IN_JOURNAL in line) for line in lines)
        wanted = [index for index, line in enumerate(lines, 1) if IN_JOURNAL in line]
        if hit or failing.where != PASSING or len(wanted) < failing.number:
            break
        number = wanted[failing.number - 1]
        recover(place.certbot)
    if not hit:
        return Found(NO_SUCH_CALL, NO_SUCH_CALL if failing.sure else "")
    unnoted = Path(f"{place.record}.unnoted")
    wrong = f"published and not noted: {unnoted.read_text()}" if unnoted.exists() else wrong_with(place, result, name)
    wrong = wrong or after(place, KILLED, name)
    if failing.error == KILL:
        return Found("nothing left after the next run", wrong)
    outcome = "refused" if result.returncode else "issued"
    return Found(": ".join(filter(None, (f"{outcome}, nothing left after the next run", sentence(result)))), wrong)


def _leave_entry(place: Host) -> None:
    """A run that published was killed."""
    with place.certbot.started(words_of(place, "waits-for-a-file.sh", KILLED)) as process:
        wait(Path(f"{place.record}.published").exists)
        process.kill()
        process.communicate(timeout=PATIENCE)
    place.end_started()


def _traced(place: Host, failing: Failing, number: int, paths: list[Path], name: str) -> tuple[Result, str]:
    """A run in which a call fails, and all calls of its kind that it makes."""
    trace = place.record.with_name("trace")
    where = [word for path in paths for word in ("-P", str(path))]
    what = f"signal={KILL}" if failing.error == KILL else f"error={failing.error}"
    inject = f"inject={failing.call}:{what}:when={number}"
    words = ["strace", "-qq", "-y", "-o", str(trace), "-e", f"trace={failing.call}", "-e", inject, *where]
    words += place.certbot.command(words_of(place, "looks-at-the-journal.sh", name))
    environment = {**place.certbot.environment, **failing.env}
    ended = subprocess.run(words, env=environment, cwd=place.certbot.cwd, capture_output=True)
    said = trace.read_text(errors="replace") if trace.exists() else ""
    return Result((), ended.returncode, ended.stdout.decode(), ended.stderr.decode(), ""), said
