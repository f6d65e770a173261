"""Runs handlers that misbehave, each with a real Certbot: how long it takes, what is left, and what is reported."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faults import peers
from faults.bed import Host, at_a_time, host
from faults.table import Row, Table
from tests.support.certbot import Result
from tests.support.testca import TestCA
from tests.support.words import handler, names

LIMIT = 2.0
"""The value of --external-auth-timeout, in seconds."""
PLENTY = 60.0
AFTER = 6.0
"""A call must end at most so many seconds after its limit. With --quick, other tables run too and no time counts."""
LATE = f"had not ended after {LIMIT:g} seconds"


@dataclass(frozen=True)
class Misbehaving:
    """:ivar says: must be in what Certbot prints, or in its log. :ivar returncode: of Certbot.
    :ivar goes_on: it starts something on purpose that is named but not ended. :ivar withdraws: it is able to.
    """

    script: str
    says: str
    returncode: int = 1
    goes_on: bool = False
    withdraws: bool = True
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def limit(self) -> float:
        """The limit in seconds: a handler that ends by itself gets as much time as a busy machine may need."""
        return LIMIT if self.says == LATE else PLENTY


HANDLERS = (
    Misbehaving("hangs.sh", LATE),
    Misbehaving("spins.sh", LATE),
    Misbehaving("ignores-sigterm.sh", LATE),
    Misbehaving("ignores-all-signals.sh", LATE),
    Misbehaving("waits-in-its-trap.sh", LATE),
    Misbehaving("starts-something-when-told-to-end.sh", LATE),
    Misbehaving("stops-itself.sh", LATE),
    Misbehaving("becomes-a-daemon.py", LATE),
    Misbehaving("clears-its-environment.sh", LATE),
    Misbehaving("changes-its-group.py", LATE),
    Misbehaving("forks-a-bomb.sh", LATE),
    Misbehaving("leaves-zombies.py", LATE),
    Misbehaving("closes-its-descriptors.sh", LATE),
    Misbehaving("waits-for-its-caller.sh", LATE),
    Misbehaving("prints-for-ever.sh", LATE),
    Misbehaving("reads-stdin.sh", "exit code 6"),
    Misbehaving("asks-on-the-terminal.sh", "exit code 7"),
    Misbehaving("leaves-a-child.sh", "holds its output pipe open", goes_on=True),
    Misbehaving("keeps-the-pipe.sh", "holds its output pipe open", 0, goes_on=True),
    Misbehaving("leaves-a-daemon.py", "a process it started still runs", 0, goes_on=True),
    Misbehaving("prints-without-a-newline.py", "exit code 9"),
    Misbehaving("prints-binary.py", "exit code 11"),
    Misbehaving("prints-control-sequences.sh", "exit code 5"),
    Misbehaving("floods-stderr.py", "exit code 12"),
    Misbehaving("noisy.py", "(more output follows|line 5999)", 0),
    Misbehaving("fills-its-quota.sh", "SIGXFSZ|exit code"),
    Misbehaving("is-killed.sh", "SIGKILL"),
    Misbehaving("ends-by-a-signal.sh", "SIGSEGV", env={"ENDS_BY": "SEGV"}),
    Misbehaving("executes-something-gone.sh", "exit code 12[67]"),
    Misbehaving("writes-to-descriptor-3.sh", "exit code [28]"),
    Misbehaving("ends-with-255.sh", "exit code 255"),
    Misbehaving("does-nothing.sh", "TXT|DNS|record"),
    Misbehaving("deletes-itself.sh", "could not be started: No such file", withdraws=False),
    Misbehaving("replaces-itself.sh", "cleanup is done", 0),
    Misbehaving("hangs-at-cleanup.sh", LATE, 0),
    Misbehaving("fails-at-cleanup.sh", "quota of changes exceeded", 0, withdraws=False),
)
QUICK = (
    "ignores-sigterm.sh",
    "becomes-a-daemon.py",
    "clears-its-environment.sh",
    "forks-a-bomb.sh",
    "stops-itself.sh",
    "keeps-the-pipe.sh",
    "prints-without-a-newline.py",
    "prints-control-sequences.sh",
    "deletes-itself.sh",
)


def table(ca: TestCA, folder: Path, quick: bool) -> Table:
    chosen = [one for one in HANDLERS if not quick or one.script in QUICK]
    rows = list(at_a_time(partial(_row, ca, folder, PLENTY if quick else AFTER), chosen))
    if not quick:
        # The other clients run afterwards, so that they do not slow down our calls.
        beside = at_a_time(partial(_beside, ca, folder), chosen)
        rows = [Row(row.ok, (*row.cells, *cells)) for row, cells in zip(rows, beside, strict=True)]
    return Table(
        "Handlers that misbehave",
        "A real `certbot certonly` runs each handler (`tests/hooks/`), with `--external-auth-timeout "
        f"{LIMIT:g}`, or {PLENTY:g} if the handler ends by itself. The handler publishes a record if "
        f"it can, and then misbehaves. The run must end within the time limit and {AFTER:g} s, leave "
        "no process and no record, and report what happened. If a handler leaves a process on "
        "purpose, the plugin does not end that process, but names its number. If the handler does not "
        "remove a record, the plugin must report the record.\n\n"
        "The last columns show the same scripts as hooks of Certbot's `--manual` and of Dehydrated: "
        "whether the client ended, and how many processes and records it left. Nothing is required of "
        f"these clients. They have no time limit, so the test sends SIGTERM {peers.LIMIT:g} s after "
        f"the first call, and SIGKILL {peers.GRACE:g} s later, and then counts. They may use "
        f"{peers.MEMORY >> 30} GiB of memory. If a record is left, the client did not call the hook to "
        "remove it. The exceptions are `deletes-itself.sh` and `fails-at-cleanup.sh`, which cannot "
        "remove it.",
        (
            *("handler", "longest call", "processes left", "records left", "message"),
            *(f"{client}: ended; processes; records" for client in PEERS),
        ),
        rows,
    )


def _manual(place: Host) -> list[str]:
    hook = place.hooks.path("as-native.sh")
    return peers.manual(place, [place.domain], f"{hook} auth", f"{hook} cleanup")


def _dehydrated(place: Host) -> list[str]:
    peers.register(place)
    return peers.dehydrated(place, [place.domain], place.hooks.path("as-native.sh"))


PEERS = {"Certbot's `--manual`": _manual, "Dehydrated": _dehydrated}


def _beside(ca: TestCA, folder: Path, case: Misbehaving) -> list[str]:
    """Return what other clients make of a script."""
    cells = []
    for words in PEERS.values():
        place = host(folder, ca)
        place.certbot.environment.update(case.env, SCRIPT=case.script)
        try:
            end = peers.bounded(place, words(place))
            left = peers.rest(place)
            cells.append(f"{end}; {left}; {len(ca.txt(f'_acme-challenge.{place.domain}'))}")
        finally:
            place.end_started()
            ca.clear_txt(f"_acme-challenge.{place.domain}")
    return cells


def _row(ca: TestCA, folder: Path, after: float, case: Misbehaving) -> Row:
    place = host(folder, ca)
    words = handler(place.hooks.path(case.script), "--external-auth-timeout", f"{case.limit:g}")
    try:
        result = place.certbot.run("certonly", *words, *names(place.domain), env=case.env)
        return _judged(case, result, place, after)
    finally:
        place.end_started()
        ca.clear_txt(f"_acme-challenge.{place.domain}")


def _judged(case: Misbehaving, result: Result, place: Host, after: float) -> Row:
    left = {pid: name for pid, name in place.started().items() if not _named(pid, result)}
    named = {pid: name for pid, name in place.started().items() if pid not in left}
    records = place.certbot.ca.txt(f"_acme-challenge.{place.domain}")
    longest = longest_call(result.log)
    said = re.search(case.says, result.stderr + result.stdout) or re.search(case.says, result.log)
    good = (
        said is not None
        and result.returncode == case.returncode
        and longest <= case.limit + after
        and not left
        and bool(named) <= case.goes_on
        and not (records and case.withdraws)
        and not ({"\x1b", "\x07", "\0", "\x9b"} & set(result.stdout + result.stderr + result.log))
    )
    cells = (
        case.script,
        f"{longest:.1f} s",
        ", ".join(left.values()) or (f"0 ({', '.join(named.values())} named)" if named else 0),
        len(records) if case.withdraws else f"{len(records)} (reported)",
        said[0] if said else f"MISSED {case.says}; exit code {result.returncode}",
    )
    return Row(good, cells)


def _named(pid: int, result: Result) -> bool:
    return f"process {pid} (" in result.log


_CALLS = r"^(\S+ \S+):DEBUG:certbot_external_auth\.backends\.\w+:"
_BEGIN = re.compile(_CALLS + "Calling ", re.MULTILINE)
_END = re.compile(_CALLS + r"[^\n]+: (?:exit code|it (?:had|was|could))", re.MULTILINE)


def longest_call(log: str) -> float:
    """Return the seconds of the plugin's longest call, by the times in Certbot's log."""
    ends = [(begin, _END.search(log, begin.end())) for begin in _BEGIN.finditer(log)]
    return max(((_time(end[1]) - _time(begin[1])).total_seconds() for begin, end in ends if end), default=0.0)


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f")
