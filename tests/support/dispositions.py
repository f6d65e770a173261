"""Signals and umask as a login shell, a daemon, a panel or a container gives them to the programs that it starts."""

from __future__ import annotations

import functools
import os
import signal
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
# Python itself ignores these; a child that it starts has them back.
PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)
UMASK = 0o022


def as_at_login() -> None:
    """Give this process, and all that it starts, what a login shell gives: no signal ignored, none blocked.

    `nohup` ignores SIGHUP, `&` in a script SIGINT and SIGQUIT, and some daemons SIGCHLD; programs inherit it, and then
    behave otherwise. A test about that sets it itself.
    """
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN and number not in PYTHONS:
            _unignore(number)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(UMASK)


def _unignore(number: int) -> None:
    # Python raises KeyboardInterrupt only if it found SIGINT as it should be.
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


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
