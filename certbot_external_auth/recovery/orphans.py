"""Ends handlers that outlive their Certbot: a handler that still publishes would undo what a recovery withdraws.

A handler has a session of its own, so it keeps running if Certbot is killed by SIGKILL. The plugin recognises it by a
token or value of the batch in its arguments or environment: no other process has these by chance. Its path would prove
nothing, because many handlers replace themselves by another program (exec). Without /proc, the plugin finds none.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.processes.program import GRACE_SECONDS
from certbot_external_auth.processes.table import Process, read_process_table, running_below, with_ancestors

MAX_WAIT_SECONDS = 60.0
"""How long such a handler may take to end by itself; its own time limit, if that is shorter."""
_PAUSE_SECONDS = 0.05


def end(entry: Entry) -> None:
    """Wait for the handler of a dead run to end; then end it as at its time limit."""
    if not _wait(entry, min(entry.handler.timeout or MAX_WAIT_SECONDS, MAX_WAIT_SECONDS)):
        for number in (signal.SIGTERM, signal.SIGKILL):
            for member in _with_children(entry):
                member.send_signal(number)
            if _wait(entry, GRACE_SECONDS):
                return


def _wait(entry: Entry, seconds: float) -> bool:
    """Wait until the handlers of a batch have ended, and tell whether they have."""
    deadline = time.monotonic() + seconds
    running = handlers(entry)
    while running and time.monotonic() <= deadline:
        time.sleep(_PAUSE_SECONDS)
        # Reading the arguments of all processes is slow, so it is repeated only when the known handlers have ended.
        running = [member for member in running if member.still_runs()] or handlers(entry)
    return not running


def _with_children(entry: Entry) -> list[Process]:
    """Return the handlers of a batch, all processes of their sessions, and the descendants of both."""
    pids = [member.pid for member in handlers(entry)]
    table = read_process_table()
    return running_below(table, [pid for pid, member in table.items() if pid in pids or member.session in pids])


def handlers(entry: Entry) -> list[Process]:
    """Return the running programs that the run of a batch, or its handler, has started for it."""
    if not entry.handler.words and entry.handler.provider is None:
        # The run started no handler. The programs of a driver or a person are not ours to end.
        return []
    values = {text.encode() for challenge in entry.challenges for text in (challenge.token, challenge.validation)}
    table = read_process_table()
    # The program that started this recovery may have the token in its own arguments.
    above = with_ancestors(table, os.getpid())
    return [member for member in running_below(table, table) if member.pid not in above and _given(member.pid, values)]


def _given(pid: int, values: set[bytes]) -> bool:
    """Tell whether a process has one of these values in its arguments or environment."""
    with contextlib.suppress(OSError):
        given = _read(pid, "cmdline") + b"\0" + _read(pid, "environ")
        return any(value in given for value in values)
    return False


def _read(pid: int, file: str) -> bytes:
    with open(f"/proc/{pid}/{file}", "rb") as stream:
        return stream.read()
