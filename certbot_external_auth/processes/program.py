"""A program to run, and how it ended, as data."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.processes.account import Account
from certbot_external_auth.text import counted

GRACE_SECONDS = 5.0
"""The time between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    :ivar code: exit code, or None if a signal ended it, or if it is not known.
    :ivar signal: number of the signal, or None.
    :ivar timed_out: it exceeded its time limit and was stopped.
    :ivar refused: why the system could not start it; empty if it started.
    :ivar left: processes of it that could not be ended.
    :ivar limit: its time limit in seconds, or None.
    :ivar tail: its last lines of output, cleaned.
    :ivar stdout: the beginning of its standard output, cleaned.
    """

    code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    refused: str = ""
    left: tuple[str, ...] = ()
    limit: float | None = None
    tail: tuple[str, ...] = ()
    stdout: str = ""

    @property
    def ok(self) -> bool:
        """It exited with code 0 within its time limit."""
        return self.code == 0 and not self.timed_out

    def __str__(self) -> str:
        if self.refused:
            return f"it could not be started: {self.refused}"
        if self.timed_out:
            stopped = f"{', '.join(self.left)} could not be ended" if self.left else "was stopped"
            return f"it had not ended after {counted(self.limit or 0, 'second')} and {stopped}"
        if self.signal is not None:
            return f"it was ended by {_signal_name(self.signal)}"
        if self.code is None:
            return "it has ended, and its exit code is not known: another part of Certbot's process has taken it"
        return f"exit code {self.code}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


@dataclass(frozen=True)
class Program:
    """A program to run.

    :ivar argv: the program's absolute path and its arguments.
    :ivar say: called with each line of output.
    :ivar stdin: its standard input; None for `/dev/null`.
    :ivar umask: its file mode mask; None for that of this process.
    :ivar folder: its working directory; None for that of this process.
    :ivar limit: time limit in seconds; None for no limit.
    :ivar masks: secrets that are replaced with *** in its output.
    :ivar hear: called with each piece of its standard output, unchanged, as soon as it is read; None if not needed.
    :ivar account: the user as whom it runs; None for that of this process.
    :ivar stdout: descriptor that gets its standard output; None if `say` and `hear` get it.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    say: Callable[[str], None]
    stdin: bytes | None = None
    umask: int | None = None
    folder: str | None = None
    limit: float | None = None
    masks: Sequence[bytes] = ()
    hear: Callable[[bytes], None] | None = None
    account: Account | None = None
    stdout: int | None = None
