"""Handlers that outlive their Certbot: one that still publishes must end before anything can be withdrawn for good.

A handler has a session of its own, so a SIGKILL of Certbot leaves it running. It is known by what it was given: the
handler's own path and a token or value of the batch, which no other program has by chance, in its arguments or
environment. Where there is no /proc (see `family`) none is found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from certbot_external_auth import family
from certbot_external_auth.family import Member
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.running import GRACE

WAIT = 60.0
"""Seconds that such a handler has to end by itself, or its time limit if that is shorter."""
_BLINK = 0.05


def end(one: Entry) -> None:
    """Wait for the handler of a dead run, then end it as at its time limit."""
    if not _wait(one, min(one.handler.timeout or WAIT, WAIT)):
        for number in (signal.SIGTERM, signal.SIGKILL):
            for member in _with_children(one):
                family.send(member, number)
            if _wait(one, GRACE):
                return


def _wait(one: Entry, seconds: float) -> bool:
    """Whether none is left."""
    deadline = time.monotonic() + seconds
    while found := handlers(one):
        if time.monotonic() > deadline:
            return not found
        time.sleep(_BLINK)
    return True


def _with_children(one: Entry) -> list[Member]:
    sessions = {member.pid for member in handlers(one)}
    table = family.look()
    return family.descendants(table, [pid for pid, member in table.items() if member.session in sessions])


def handlers(one: Entry) -> list[Member]:
    """Programs started by a run for this batch that have not ended."""
    commands = [words for words in (one.handler.words, one.handler.cleanup_words) if words]
    paths = {os.fsencode(words[0]) for words in commands}
    values = {text.encode() for challenge in one.challenges for text in (challenge.token, challenge.validation)}
    table = family.look()
    return [
        member
        for member in family.descendants(table, table)
        if member.pid == member.session != os.getpid() and _given(member.pid, paths, values)
    ]


def _given(pid: int, paths: set[bytes], values: set[bytes]) -> bool:
    with contextlib.suppress(OSError):
        words = _words(pid, "cmdline")
        # A script's path stands behind its interpreter's, and a hook of a folder below the folder's.
        if any(word == path or word.startswith(path + b"/") for word in words for path in paths):
            given = b"\0".join([*words, *_words(pid, "environ")])
            return any(value in given for value in values)
    return False


def _words(pid: int, file: str) -> list[bytes]:
    with open(f"/proc/{pid}/{file}", "rb") as stream:
        return stream.read().split(b"\0")
