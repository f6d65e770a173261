"""The tests pass however they are started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Becomes a program that finds everything otherwise than at a login.
ODD = """
import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
os.umask(0o077)
os.execv(sys.argv[1], sys.argv[1:])
"""


# The C library has two more for itself, which whatever posix_spawn has started, by make for one, ignores.
ANYBODYS = sum(1 << (number - 1) for number in signal.valid_signals())


def test_what_is_started_here_finds_a_login() -> None:
    status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
    found = dict(line.split(":", 1) for line in status.splitlines())
    assert [int(found[name], 16) & ANYBODYS for name in ("SigIgn", "SigBlk")] == [0, 0], status
    assert found["Umask"].strip() == "0022"


def test_whoever_started_the_tests() -> None:
    """Guards against: a test that waits for ever for a program that ignores signals because of `nohup`."""
    itself = f"{__file__}::{test_what_is_started_here_finds_a_login.__name__}"
    tests = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", itself]
    ended = subprocess.run(
        [sys.executable, "-c", ODD, *tests], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0, ended.stdout
