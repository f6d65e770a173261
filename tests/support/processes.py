"""Processes under test: reading with a deadline, typing on their terminal, and their certain end."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

GRACE = 10.0

Script = Sequence[tuple[str, "str | Callable[[str], str]"]]
"""Pairs of a text waited for (a regular expression) and what is typed then, or a function that makes that of all
that has been shown so far."""


class HungError(AssertionError):
    """A run did not end, or did not say what was waited for."""


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group if it is still there, and close our ends of its pipes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def read(descriptor: int, deadline: float, so_far: str) -> bytes:
    """What can be read, the empty bytes at the end."""
    ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
    if not ready:
        raise HungError(f"nothing more came after:\n{so_far[-3000:]}")
    try:
        return os.read(descriptor, 65536)
    except OSError:
        # A terminal reports this when its other side is closed.
        return b""


def converse(leader: int, script: Script, deadline: float) -> str:
    shown, seen = "", 0
    steps = list(script)
    while True:
        if steps and (found := re.compile(steps[0][0]).search(shown, seen)):
            seen = found.end()
            reply = steps.pop(0)[1]
            os.write(leader, (reply if isinstance(reply, str) else reply(shown)).encode())
            continue
        data = read(leader, deadline, shown)
        if not data:
            return shown
        shown += data.decode(errors="replace").replace("\r", "")
