"""A program to be run, and how it ended, as data."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.text import counted


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    :ivar code: exit code, or None if a signal ended it, or if it is not known.
    :ivar signal: number of the signal, or None.
    :ivar timed_out: it was ended at the time limit.
    :ivar refused: why it could not be started, or an empty string.
    :ivar left: processes that could not be ended.
    :ivar tail: its last output lines, clean.
    :ivar stdout: the beginning of its standard output, clean.
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
    """What is to be run.

    :ivar argv: the program's absolute path and its arguments.
    :ivar say: called with each line of output.
    :ivar stdin: what the program reads; None is `/dev/null`.
    :ivar umask: file mode mask of the program; None is the caller's.
    :ivar folder: its working directory; None is the caller's.
    :ivar limit: seconds; None is no limit.
    :ivar masks: what is shown as *** where it is printed.
    :ivar hear: called with each piece of its standard output as it comes; None if nobody needs it whole.
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
