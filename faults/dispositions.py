"""Starts Certbot as daemons, panels, shells and containers do: other signal settings, process 1, no threads."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults import peers
from faults.bed import Host, at_a_time, host
from faults.outcome import Found, after, left, wait, words_of
from faults.table import Row, Table
from tests.support.dispositions import as_process_one, can_be_process_one, process_one, started_with
from tests.support.recover import journal, recover
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler_for_both, names

PATIENCE = 120.0
LIMIT = ("--external-auth-timeout", "2")
NO_ROOM = 1 << 46
"""Bytes of stack for each thread: more than any machine has, so that no thread can start."""
NONE = "-"


@dataclass(frozen=True)
class Case:
    """One way to start Certbot.

    :ivar before: words before the command line.
    :ivar run: runs Certbot like this, and checks the outcome.
    :ivar peers: runs other clients in the same way.
    """

    what: str
    before: Sequence[str]
    run: Callable[[Host], Found]
    peers: Callable[[Host, Sequence[str]], Sequence[str]] = lambda place, before: (NONE, NONE)
    quick: bool = False


def table(ca: TestCA, folder: Path, quick: bool) -> Table:
    chosen = [one for one in _cases() if one.quick or not quick]
    rows = list(at_a_time(partial(_row, ca, folder, quick), chosen))
    return Table(
        "Unusual ways to start Certbot",
        "Real runs of Certbot that start with signals ignored or blocked, as process 1 of a container (`unshare "
        "--pid --fork --mount-proc`), or on a system that gives them no threads (`prlimit --stack`). Programs "
        "inherit ignored and blocked signals from the program that starts them. The plugin must learn how the "
        "handler ended, and must be able to end it. A signal that is ignored on purpose must stay ignored. The last "
        "columns show other clients with an equivalent hook; `-` means that they were not tried.",
        ("how Certbot is started; what happens then", "result", "Certbot's `--manual`", "Dehydrated"),
        rows,
    )


def _cases() -> list[Case]:
    ignoring = started_with(ignored=[signal.SIGCHLD])
    untold = started_with(ignored=[signal.SIGTERM])
    blocked = started_with(blocked=[signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    nohup = started_with(ignored=[signal.SIGHUP])
    shell = started_with(ignored=[signal.SIGINT, signal.SIGQUIT])
    prlimit = [shutil.which("prlimit") or "prlimit", f"--stack={NO_ROOM}:"]
    cases = [
        Case("SIGCHLD ignored; cleanup ends with 5, deploy_cert with 6, then `recover`", ignoring, _fails, _auth, True),
        Case("SIGTERM ignored; the handler hangs", untold, _hangs),
        Case("SIGCHLD, SIGTERM, SIGINT and SIGHUP blocked; the handler hangs", blocked, _hangs),
        Case("SIGTERM blocked, then sent while the handler publishes", blocked, partial(_ended, "perform")),
        Case("SIGHUP ignored (nohup), then sent", nohup, partial(_goes_on, signal.SIGHUP)),
        Case("SIGINT and SIGQUIT ignored (`&`), then sent", shell, partial(_goes_on, signal.SIGINT)),
        Case("normal start; SIGTERM while a renewal deploys", started_with(), partial(_ended, "renew")),
        Case("no threads; the plugin checks the record", prlimit, _issues),
        Case("normal start; the handler prints a gigabyte of empty lines", (), _newlines),
    ]
    if can_be_process_one():
        container = as_process_one()
        cases += [
            Case("process 1; SIGTERM while the handler publishes", container, partial(_ended, "perform"), _told, True),
            Case("process 1; SIGTERM while `run` deploys", container, partial(_ended, "deploy_cert")),
            Case("process 1; SIGTERM while a renewal deploys", container, partial(_ended, "renew")),
        ]
    return cases


def _row(ca: TestCA, folder: Path, quick: bool, case: Case) -> Row:
    place = host(folder, ca)
    place.certbot.before = list(case.before)
    try:
        outcome = case.run(place)
        place.end_started()
        beside = (NONE, NONE) if quick else case.peers(host(folder, ca), case.before)
    except TimeoutError:
        outcome, beside = Found("", "the run did not get so far"), (NONE, NONE)
    return Row(not outcome.wrong, (case.what, outcome.wrong or outcome.said, *beside))


def _both(place: Host, script: str, *more: str) -> list[str]:
    return ["run", *handler_for_both(place.hooks.path(script), *more), *names(place.domain)]


def _fails(place: Host) -> Found:
    result = place.certbot.run(*_both(place, "fails-later.sh"))
    recovered = recover(place.certbot)
    wrong = "" if result.returncode == 1 and "exit code 6" in result.stderr else f"deployed: {result.returncode}"
    wrong = wrong or ("" if "exit code 5" in result.stderr else "the failed cleanup is not reported")
    wrong = wrong or ("" if left(place) and journal(place.certbot) else "the journal has forgotten the record")
    wrong = wrong or ("" if recovered.returncode == 1 and "Withdrawn" not in recovered.stdout else recovered.stdout)
    return Found(
        "exit code 1, both failures reported, the record in the journal; `recover`: exit code 1, the record still "
        "there",
        wrong,
    )


def _hangs(place: Host) -> Found:
    result = place.certbot.run(*words_of(place, "hangs-at.sh"), *LIMIT, env={"HANGS_AT": "perform"})
    told = Path(f"{place.record}.told").exists()
    wrong = "" if "had not ended" in result.stderr else result.stderr[-300:]
    return Found(
        "the handler asked to end at its time limit", wrong or ("" if told else "it was not told") or after(place)
    )


def _ended(when: str, place: Host) -> Found:
    """Send SIGTERM while a run publishes, or while `run` or `renew` deploys."""
    container = list(place.certbot.before) == as_process_one()
    words, code = _both(place, "hangs-at.sh"), 128 + signal.SIGTERM if container else -signal.SIGTERM
    if when == "renew":
        place.certbot.run(*words)
        words = list(RENEW_NOW)
    hangs_at = "deploy_cert" if when == "renew" else when
    with place.certbot.started(words, {"HANGS_AT": hangs_at}) as process:
        wait(Path(f"{place.record}.there").exists)
        os.kill(process_one(process) if container else process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    told = Path(f"{place.record}.told").exists()
    wrong = "" if process.returncode == code else f"exit code {process.returncode}"
    wrong = wrong or ("" if told else "the handler was not told")
    wrong = wrong or (f"left: {left(place)}, {journal(place.certbot)}" if left(place) or journal(place.certbot) else "")
    place.certbot.before = []
    ended = f"exit code {code}" if container else "ended by the signal"
    return Found(f"{ended}, the handler asked to end, nothing left", wrong or after(place))


def _goes_on(number: signal.Signals, place: Host) -> Found:
    there, go = Path(f"{place.record}.published"), Path(f"{place.record}.go")
    with place.certbot.started(words_of(place, "waits-for-a-file.sh")) as process:
        wait(there.exists)
        process.send_signal(number)
        go.touch()
        process.communicate(timeout=PATIENCE)
    wrong = "" if process.returncode == 0 else f"exit code {process.returncode}"
    return Found("the run goes on and issues", wrong or after(place))


def _issues(place: Host) -> Found:
    result = place.certbot.run(*words_of(place))
    return Found("issued", "" if result.returncode == 0 else result.stderr[-300:])


def _newlines(place: Host) -> Found:
    result = place.certbot.run(*words_of(place, "prints-newlines.sh"), "--external-auth-timeout", "60")
    return Found("all output read; exit code 5", "" if "exit code 5" in result.stderr else result.stderr[-300:])


# --- other clients ---


def _auth(place: Host, before: Sequence[str]) -> Sequence[str]:
    """Tell whether clients notice a hook that ends with exit code 5 at cleanup."""
    hook = place.hooks.write("fails.sh", "#!/bin/sh\nexit 5\n")
    output = place.record.parent / "output"
    cells = []
    peers.register(place)
    for words in (
        peers.manual(place, [place.domain], hook, hook),
        peers.dehydrated(place, [place.domain], hook),
    ):
        output.unlink(missing_ok=True)
        with peers.started(place, [*before, shutil.which(words[0]) or words[0], *words[1:]]) as process:
            process.wait(PATIENCE)
        printed = output.read_text(errors="replace")
        cells.append("noticed" if re.search("error code 5|non-zero exit code", printed) else "not noticed")
    return cells


def _told(place: Host, before: Sequence[str]) -> Sequence[str]:
    """Tell how clients end that run as process 1 with a hook that hangs, within 10 s of SIGTERM."""
    hook = place.hooks.write("hangs.sh", '#!/bin/sh\ntouch "$RECORD.there"\nsleep 600\n')
    there = Path(f"{place.record}.there")
    cells = []
    peers.register(place)
    for words in (
        peers.manual(place, [place.domain], hook, "true"),
        peers.dehydrated(place, [place.domain], hook),
    ):
        there.unlink(missing_ok=True)
        with peers.started(place, [*before, shutil.which(words[0]) or words[0], *words[1:]]) as process:
            wait(there.exists)
            pid = process_one(process)
            os.kill(pid, signal.SIGTERM)
            cells.append(f"exit code {process.returncode}" if peers.ends(process, 10) else "goes on")
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)
                process.wait()
    return cells
