"""Notes that the verbs, and the shell that runs Certbot, leave in a session's folder for later verbs."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from certbot_external_auth.sessions import STATES, Session, record

PROCESS = "process"
"""The shell that runs Certbot: its ``pid``, and when it ``started``."""
HANDED_OUT = "handed-out"
"""The numbers of the batches that `begin` and `finish` have printed."""
ANSWERED = "answered"
"""The number of the last ``batch`` that `finish` has answered, and the ``failed`` ids in it."""
ABORTED = "aborted"
"""True once `abort` has stopped Certbot."""
END = "end"
"""The document that the first verb printed after the end."""
CODE = "code"
"""Certbot's exit code."""
REQUEST = "request"
"""A digest of Certbot's command line, by which `begin --resume` recognises its session."""


_MAX_BYTES = 50_000_000


def read(session: Session, name: str) -> Any:
    """Read a note; None if there is none, or a power cut has damaged it.

    :raises OSError: if it cannot be read.
    """
    content = record.read(session, name, _MAX_BYTES)
    with contextlib.suppress(ValueError, RecursionError):
        return None if content is None else json.loads(content)
    return None


def put(session: Session, name: str, value: object) -> None:
    """Write a note, in place of the one before; only this user can read it.

    :raises OSError: if it cannot be written.
    """
    record.put(session, name, json.dumps(value).encode())


def write(session: Session, name: str, value: object) -> bool:
    """Write a note, and return whether that worked. On a full disk, the conversation goes on without the note."""
    try:
        put(session, name, value)
    except OSError:
        return False
    return True


def code(session: Session) -> int | None:
    """Return Certbot's exit code; None if it is not known."""
    noted = read(session, CODE)
    return noted if isinstance(noted, int) else None


def answered(session: Session) -> tuple[int, list[str]]:
    """Return the number of the last batch that was answered, 0 if none was, and the ids that failed in it."""
    noted = read(session, ANSWERED)
    batch = noted.get("batch") if isinstance(noted, dict) else None
    return (batch, list(noted.get("failed", ()))) if isinstance(batch, int) else (0, [])


def end(session: Session) -> dict[str, Any] | None:
    """Return the document that the first verb printed after the end; None if there was none."""
    noted = read(session, END)
    return noted if isinstance(noted, dict) and noted.get("state") in STATES else None


def handed_out(session: Session) -> list[int]:
    """Return the numbers of the batches that a verb has printed."""
    noted = read(session, HANDED_OUT)
    return [one for one in noted if isinstance(one, int)] if isinstance(noted, list) else []


def hand_out(session: Session, batch: int) -> bool:
    """Note that a batch was printed; return whether that is written."""
    return write(session, HANDED_OUT, sorted({*handed_out(session), batch}))
