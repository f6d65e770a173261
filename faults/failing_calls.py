"""strace lets one system call fail that writes or reads the journal, or kills the process when it enters the call."""

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
"""How many calls of each kind are tried: first call 1 fails, then call 2, then call 3."""
ANYWHERE = {"fsync": 1, "renameat": 1, "unlinkat": 2, "flock": 1, "fchmod": 1, "mkdirat": 1}
"""Calls that only the journal makes, with the number of the first one in a run that is not Certbot's own."""
TRIES = 5
PASSING = "passing"
IN_JOURNAL = "/journal/"
KILLED = "killed."
KILL = "SIGKILL"
NEVER = 65535
"""The highest number that strace takes."""


@dataclass(frozen=True)
class Failing:
    """One system call that fails.

    :ivar number: which of these calls fails, from 1 on.
    :ivar where: "journal" counts only calls in its folder, "entry" those on a file that a killed run left, "passing"
        those on the file that is being written, whose name is not known before. Empty counts all.
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
        places = {"": "", "journal": " in the journal's folder", "entry": " on a file of the journal"}
        call = f"{self.call} call {self.number}" + places.get(self.where, " on the journal's new file")
        state = ", after a kill" if self.killed else ", after a cleanup that failed" if self.env else ""
        if self.error == KILL:
            who = "a run that recovers" if self.killed else "a run"
            return f"{who}, at {call}{'' if self.killed else state}"
        return f"{call} fails with {self.error}{state}"


def cases(quick: bool) -> dict[str, Callable[[Host], Found]]:
    """Return the cases by their labels."""
    chosen = [Failing("fsync", 1), Failing("read", 1, "entry", killed=True)] if quick else _all()
    return {one.what: partial(_try, one) for one in chosen}


def killed_cases(quick: bool) -> dict[str, Callable[[Host], Found]]:
    """Return the cases with kills: of a run that writes its journal, and of a run that recovers from another."""
    calls = ("fsync", "renameat", "unlinkat", "flock", "fchmod")
    chosen = [Failing(call, number, "", KILL, old) for old in (False, True) for call in calls for number in (1, 2, 3)]
    chosen += [Failing("write", 1, PASSING, KILL), Failing("write", 2, PASSING, KILL, env={"FAIL_AT": "cleanup"})]
    quickly = [Failing("renameat", 1, "", KILL, killed=True)]
    return {one.what: partial(_try, one) for one in (quickly if quick else chosen)}


def _all() -> list[Failing]:
    cases = [Failing(call, first + more) for call, first in ANYWHERE.items() for more in range(TIMES)]
    for killed in (False, True):
        for call in ("openat", "getdents64"):
            cases += [Failing(call, number, "journal", killed=killed) for number in range(1, TIMES + 1)]
    cases += [
        Failing(call, number, "entry", killed=True) for call in ("read", "flock") for number in range(1, TIMES + 1)
    ]
    cases += [Failing("write", 1, PASSING, error) for error in ("EIO", "ENOSPC")]
    # The batch is written again with the challenges that could not be withdrawn.
    cases.append(Failing("write", 2, PASSING, "ENOSPC", env={"FAIL_AT": "cleanup"}))
    return cases


def _try(failing: Failing, place: Host) -> Found:
    if shutil.which("strace") is None:
        return Found("not tried: strace is missing")
    folder = place.certbot.work_dir / "external-auth" / "journal"
    place.certbot.environment["JOURNAL"] = str(folder)
    # A first run makes the account and the folders, so that a call of the run itself fails.
    first = place.certbot.run(*words_of(place, name="first."))
    if first.returncode:
        return Found("", f"the first run: {first.stderr[-300:]}")
    if failing.killed:
        _leave_entry(place)
    if failing.call == "mkdirat":
        shutil.rmtree(folder.parent)
    paths = {"journal": [folder], "entry": journal(place.certbot)}.get(failing.where, [])
    # Only a run shows how many writes it makes elsewhere before, and the next run may make one more.
    number = NEVER if failing.where == PASSING else failing.number
    for attempt in range(TRIES):
        name = f"try{attempt}."
        result, trace = _traced(place, failing, number, paths, name)
        # strace also prints a line for each signal.
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
    """Kill a run that has published."""
    with place.certbot.started(words_of(place, "waits-for-a-file.sh", KILLED)) as process:
        wait(Path(f"{place.record}.published").exists)
        process.kill()
        process.communicate(timeout=PATIENCE)
    place.end_started()


def _traced(place: Host, failing: Failing, number: int, paths: list[Path], name: str) -> tuple[Result, str]:
    """Run Certbot with one failing call; return the result, and all calls of that kind in the run."""
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
