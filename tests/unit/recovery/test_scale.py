"""A thousand challenges in one batch: what is counted here grows with the batch and not with its square."""

from __future__ import annotations

import os
import sys
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth import journal, settings
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.backends.handler.schedule import Schedule
from certbot_external_auth.challenges import Challenge, guard
from certbot_external_auth.configuration import resolution
from certbot_external_auth.dialects import Call, Facts, dialect
from certbot_external_auth.recovery.context import entry_of

TRUE = "/bin/true"


def batch(size: int) -> list[Challenge]:
    """Every name twice, as with a wildcard."""
    return [
        Challenge(
            f"c{number}", "dns-01", f"n{number // 2}.example", "dns", f"{number:022d}", f"{number:022d}.{'k' * 43}"
        )
        for number in range(size)
    ]


def facts(challenges: Sequence[Challenge], folder: Path, **more: Any) -> Facts:
    names = tuple(one.identifier for one in challenges)
    return Facts(alias=names[0], names=names, config_dir=str(folder), work_dir=str(folder), **more)


def context(challenges: Sequence[Challenge], folder: Path, **options: str) -> Context:
    checked = resolution.resolve({"handler": TRUE, **options})
    return Context(checked, facts(challenges, folder), words=(TRUE,))


def steps(work: Callable[[], object]) -> int:
    """Functions that were called, Python's and C's."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def memory(work: Callable[[], object]) -> int:
    """Bytes at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def lay_out(name: str, size: int, folder: Path) -> Callable[[], object]:
    """All that is done for a batch, without starting a program."""
    challenges = batch(size)
    chosen = dialect(name)
    given = facts(challenges, folder, cleanup_words=(TRUE,))
    noted = context(challenges, folder, dialect=name)

    def work() -> object:
        guard.check(challenges, [*given.names, *(f"*.{name}" for name in given.names)])
        book = journal.Journal(str(folder))
        book.open(entry_of(noted, challenges, "2026-01-01T00:00:00Z"))
        for challenge in challenges:
            book.begin([challenge])
        performed = run_through(chosen.perform(challenges, given))
        withdrawn = run_through(chosen.cleanup([Finished(challenge, "valid") for challenge in book.begun()], given))
        book.close({})
        return performed, withdrawn

    return work


def run_through(calls: Sequence[Call]) -> Sequence[Call]:
    schedule = Schedule(calls, 16)
    running: list[int] = []
    for _ in calls:
        while (number := schedule.take()) is not None:
            running.append(number)
        schedule.ended(running.pop(0))
    return calls


@pytest.mark.parametrize("name", settings.DIALECTS)
def test_work_and_memory_grow_with_the_batch(name: str, tmp_path: Path) -> None:
    lay_out(name, 10, tmp_path)()
    for measure in (steps, memory):
        small, large = (measure(lay_out(name, size, tmp_path)) for size in (100, 400))
        assert large < 4 * 1.25 * small, (measure.__name__, small, large)


def test_a_thousand_calls_leave_no_descriptor_and_need_no_thread(tmp_path: Path) -> None:
    challenges = batch(1000)
    handler = HandlerBackend(context(challenges, tmp_path, dialect="lego", jobs="16"))
    begun: list[Challenge] = []
    threads: set[int] = set()
    descriptors: list[int] = []

    def begin(some: Sequence[Challenge]) -> None:
        begun.extend(some)
        threads.add(threading.active_count())
        descriptors.append(len(os.listdir("/proc/self/fd")))

    before, alone = len(os.listdir("/proc/self/fd")), threading.active_count()
    handler.perform(challenges, begin)
    assert {one.id for one in begun} == {one.id for one in challenges}
    assert handler.cleanup([Finished(one, "valid") for one in begun[:100]]) == []
    assert len(os.listdir("/proc/self/fd")) == before
    assert threads == {alone}
    assert max(descriptors) <= before + 16 * 4 + 2
