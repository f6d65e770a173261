"""Checks what must be true after a run on a host that misbehaves, and after the next run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from faults.bed import Host
from tests.support.certbot import Result
from tests.support.recover import journal
from tests.support.words import handler, names

PATIENCE = 120.0


@dataclass(frozen=True)
class Found:
    """What came of one case. :ivar said: what the table shows. :ivar wrong: why it failed; empty if it passed."""

    said: str
    wrong: str = ""


def words_of(place: Host, script: str = "publishes.py", name: str = "") -> list[str]:
    """Return a command line that issues for this host's name, or for one below it."""
    return ["certonly", *handler(place.hooks.path(script)), *names(f"{name}{place.domain}")]


def left(place: Host, name: str = "") -> list[str]:
    """Return the TXT records that exist."""
    return place.certbot.ca.txt(f"_acme-challenge.{name}{place.domain}")


def wrong_with(place: Host, result: Result, name: str = "") -> str:
    """Return what is wrong after a run that was not killed; empty if nothing is."""
    if "Traceback" in result.stderr or "unexpected error" in result.stderr:
        return f"a traceback: {result.stderr[-300:]}"
    if left(place, name) and result.returncode == 0 and "may still be there" not in result.stderr:
        return "a record is left after a successful run, and not reported"
    return ""


def after(place: Host, *more: str) -> str:
    """Return what is wrong with the next run: it must succeed, and no earlier record or journal entry may be left."""
    result = place.certbot.run(*words_of(place, name="next."))
    there = [value for name in ("", *more, "next.") for value in left(place, name)]
    there += map(str, journal(place.certbot))
    if result.returncode or there:
        return f"the next run: exit code {result.returncode}, left {there}, {result.stderr[-300:]}"
    return ""


def sentence(result: Result) -> str:
    """Return the first line of a run's messages, in a form for the table."""
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith(("Saving", "Ask for help"))]
    return re.sub(r"/\S*/(?=work)", "…/", lines[0])[:160] if lines else ""


def wait(ready: Callable[[], bool]) -> None:
    """:raises TimeoutError: if it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
