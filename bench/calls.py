"""Measures what one handler call costs beside the bare start of the same program, and how that grows with the batch."""

from __future__ import annotations

import datetime
import importlib
import logging
import os
import statistics
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.plan import Plan
from certbot_external_auth import journal
from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.configuration import resolution
from certbot_external_auth.dialects import Facts
from certbot_external_auth.recovery.context import entry_of
from certbot_external_auth.text import rfc3339

TRUE = "/bin/true"
BATCH = 100
CALL_AT_MOST = 1.5
JOURNAL_AT_MOST = 2.0
"""Milliseconds for a challenge."""
BARE, POPEN, ONE, MANY, OTHER = (
    "`posix_spawn` and `waitpid`",
    "`subprocess.Popen` and `wait`",
    "a handler call, jobs 1",
    "a handler call, jobs 16",
    "a handler call, jobs 1, as another user",
)
USER = "nobody"


@dataclass(frozen=True)
class Scale:
    """A whole batch, published and withdrawn.

    :ivar each: microseconds for a call. :ivar memory: kilobytes at most, for a challenge.
    :ivar descriptors: more of them open afterwards than before.
    """

    challenges: int
    each: float
    memory: float
    descriptors: int


@dataclass(frozen=True)
class Measured:
    """:ivar calls: microseconds for a call, by who makes it. :ivar journal: milliseconds for a challenge, by number."""

    calls: Mapping[str, Sequence[float]]
    scale: Sequence[Scale]
    journal: Mapping[int, float]


def measure(plan: Plan, folder: Path) -> Measured:
    importlib.import_module("certbot.main")
    # Like Certbot, which writes everything to a file.
    logging.basicConfig(filename=folder / "log", level=logging.DEBUG)
    sizes = (plan.scale // 10, plan.scale)
    spent = {size: _journal(size, folder) for size in sizes}
    return Measured(_calls(plan), [_scale(size) for size in sizes], spent)


def challenges(number: int) -> list[Challenge]:
    tokens = [f"{index:022d}" for index in range(number)]
    return [
        Challenge(f"c{index}", "dns-01", f"n{index}.bench.example", "dns", token, f"{token}.{'k' * 43}")
        for index, token in enumerate(tokens)
    ]


def backend(jobs: int, user: str | None = None) -> HandlerBackend:
    """Return a caller of /bin/true, in the dialect with the fewest arguments."""
    checked = resolution.resolve({"handler": TRUE, "dialect": "lego", "jobs": str(jobs), "run-as": user})
    return HandlerBackend(Context(checked, Facts(names=("bench.example",)), words=(TRUE,)))


def _calls(plan: Plan) -> dict[str, list[float]]:
    batch = challenges(BATCH)
    words = [TRUE, "present", f"{batch[0].txt_domain}.", batch[0].validation]
    single, many, other = backend(1), backend(16), backend(1, USER)
    sides: dict[str, Callable[[], object]] = {
        BARE: lambda: [os.waitpid(os.posix_spawn(TRUE, words, os.environ), 0) for _ in batch],
        POPEN: lambda: [subprocess.Popen(words).wait() for _ in batch],
        ONE: lambda: single.perform(batch, lambda begun: None),
        MANY: lambda: many.perform(batch, lambda begun: None),
        # Only root becomes another user.
        **({OTHER: lambda: other.perform(batch, lambda begun: None)} if os.geteuid() == 0 else {}),
    }
    measured: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(plan.calls):
        for side, run in sides.items():
            start = time.perf_counter()
            run()
            measured[side].append((time.perf_counter() - start) / BATCH * 1e6)
    return measured


def _scale(size: int) -> Scale:
    handler, batch = backend(16), challenges(size)
    before = len(os.listdir("/proc/self/fd"))
    start = time.perf_counter()
    handler.perform(batch, lambda begun: None)
    each = (time.perf_counter() - start) / size * 1e6
    descriptors = len(os.listdir("/proc/self/fd")) - before
    tracemalloc.start()
    handler.perform(batch, lambda begun: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Scale(size, each, peak / size / 1024, descriptors)


def _journal(size: int, folder: Path) -> float:
    """Write a batch to the journal on disk and remove it, as a run does."""
    checked = resolution.resolve({"handler": TRUE})
    facts = Facts(names=("bench.example",), config_dir=str(folder), work_dir=str(folder))
    context = Context(checked, facts, words=(TRUE,))
    entry = entry_of(context, challenges(size), rfc3339(datetime.datetime.now(datetime.timezone.utc)))
    book = journal.Journal(str(folder))
    start = time.perf_counter()
    book.open(entry)
    for challenge in entry.challenges:
        book.begin([challenge])
    book.close({})
    return (time.perf_counter() - start) / size * 1000


def section(measured: Measured) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    rounds = len(measured.calls[BARE])
    yield "## One handler call"
    yield ""
    yield (
        f"The time of one call of `{TRUE}` with the same arguments, in microseconds, in a process that "
        f"has loaded Certbot and writes a log. Least and median of {rounds} rounds of {BATCH} calls; "
        "the ways take turns. A handler call also reads the output, watches for the end and the time "
        "limit, starts a session, and writes two lines to the log. As another user "
        "(`--external-auth-run-as`), Python starts the program with fork in place of vfork, which copies "
        "the tables of this process's memory."
    )
    yield ""
    yield "| | least | median | times the bare start (least) |"
    yield "|---|---:|---:|---:|"
    bare = min(measured.calls[BARE])
    for side, times in measured.calls.items():
        yield f"| {side} | {min(times):.0f} | {statistics.median(times):.0f} | {min(times) / bare:.2f} |"
    yield ""
    verdict = "met" if min(measured.calls[ONE]) <= CALL_AT_MOST * bare else "missed"
    yield f"Goal, at most {CALL_AT_MOST:g} times the bare start with jobs 1: {verdict}."
    yield ""
    yield "## Large batches"
    yield ""
    yield "| challenges | µs a call, jobs 16 | kB of memory for each | descriptors left | ms of journal for each |"
    yield "|---:|---:|---:|---:|---:|"
    for batch in measured.scale:
        spent = measured.journal[batch.challenges]
        yield f"| {batch.challenges} | {batch.each:.0f} | {batch.memory:.1f} | {batch.descriptors} | {spent:.3f} |"
    yield ""
    verdict = "met" if max(measured.journal.values()) < JOURNAL_AT_MOST else "missed"
    yield (
        "The cost of a challenge should not grow with their number. The plugin writes the journal of "
        f"a batch to the disk once, before it publishes. Goal, less than {JOURNAL_AT_MOST:g} ms for a "
        f"challenge: {verdict}."
    )
    yield ""
