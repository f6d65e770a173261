"""Programs started as a daemon, a panel or a container starts them: signals ignored or blocked, or as process 1."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_START = """
import os, signal, sys
ignored, blocked, *words = sys.argv[1:]
for number in filter(None, ignored.split(",")):
    signal.signal(int(number), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, [int(number) for number in blocked.split(",") if number])
os.execv(words[0], words)
"""
_UNSHARE = "/usr/bin/unshare"
PATIENCE = 30.0


def started_with(ignored: Sequence[int] = (), blocked: Sequence[int] = ()) -> list[str]:
    """What stands before a command line, which begins with an absolute path.

    No other signal is ignored or blocked, however the tests were started, but for SIGPIPE and SIGXFSZ, as by Python.
    """
    listed = [",".join(str(int(number)) for number in numbers) for numbers in (ignored, blocked)]
    return [sys.executable, "-c", _START, *listed]


def as_process_one() -> list[str]:
    """What stands before a command line that becomes process 1 of a container, and ends with its exit code."""
    return [*started_with(), _UNSHARE, "--pid", "--fork", "--mount-proc"]


@functools.cache
def can_be_process_one() -> bool:
    """Whether this user may have a program be process 1."""
    if os.geteuid() != 0 or not os.path.exists(_UNSHARE):
        return False
    return subprocess.run([*as_process_one(), "/bin/true"], stderr=subprocess.DEVNULL).returncode == 0


def process_one(unshare: subprocess.Popen[bytes]) -> int:
    """The number that process 1 has out here; `unshare` waits for it, and ends with its exit code.

    :raises TimeoutError: if there is none.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        (pid, *_) = (*Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split(), "")
        # Until it is another program it is a copy of `unshare`, which ignores signals.
        if pid and Path(f"/proc/{pid}/comm").read_text().strip() != "unshare":
            return int(pid)
        time.sleep(0.01)
    raise TimeoutError
