"""Handlers that outlive their Certbot: one that still publishes must end before anything can be withdrawn for good.

A handler has a session of its own, so a SIGKILL of Certbot leaves it running. It is known by what it was given: a token
or value of the batch, which nobody has by chance, in the arguments or environment of a process. Its path proves
nothing: many a handler is a line that becomes another program (exec). Where there is no /proc none is found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.processes.program import GRACE_SECONDS
from certbot_external_auth.processes.table import Process, read_process_table, running_below, with_ancestors

WAIT = 60.0
"""Seconds that such a handler has to end by itself, or its time limit if that is shorter."""
_BLINK = 0.05


def end(one: Entry) -> None:
    """Wait for the handler of a dead run, then end it as at its time limit."""
    if not _wait(one, min(one.handler.timeout or WAIT, WAIT)):
        for number in (signal.SIGTERM, signal.SIGKILL):
            for member in _with_children(one):
                member.send_signal(number)
            if _wait(one, GRACE_SECONDS):
                return


def _wait(one: Entry, seconds: float) -> bool:
    """Whether none is left."""
    deadline = time.monotonic() + seconds
    found = handlers(one)
    while found and time.monotonic() <= deadline:
        time.sleep(_BLINK)
        # A look at what all processes were given is not cheap.
        found = [member for member in found if member.still_runs()] or handlers(one)
    return not found


def _with_children(one: Entry) -> list[Process]:
    found = [member.pid for member in handlers(one)]
    table = read_process_table()
    return running_below(table, [pid for pid, member in table.items() if pid in found or member.session in found])


def handlers(one: Entry) -> list[Process]:
    """Programs started by a run for this batch, or by its handler in turn, that have not ended."""
    if not one.handler.words:
        # Nothing was started; a driver's or a person's own programs are none of ours.
        return []
    values = {text.encode() for challenge in one.challenges for text in (challenge.token, challenge.validation)}
    table = read_process_table()
    # Whoever recovers may have been started by somebody who knows the token.
    above = with_ancestors(table, os.getpid())
    return [member for member in running_below(table, table) if member.pid not in above and _given(member.pid, values)]


def _given(pid: int, values: set[bytes]) -> bool:
    with contextlib.suppress(OSError):
        given = _read(pid, "cmdline") + b"\0" + _read(pid, "environ")
        return any(value in given for value in values)
    return False


def _read(pid: int, file: str) -> bytes:
    with open(f"/proc/{pid}/{file}", "rb") as stream:
        return stream.read()
