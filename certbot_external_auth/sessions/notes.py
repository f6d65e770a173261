"""What the verbs, and the shell above Certbot, note in a session's folder for those that come later."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from certbot_external_auth.sessions import STATES, Session, record

PROCESS = "process"
"""The shell above Certbot: ``pid``, and when it was ``started``."""
HANDED_OUT = "handed-out"
"""Numbers of the batches that `begin` and `finish` have printed."""
ANSWERED = "answered"
"""The last batch that `finish` has answered: ``batch``, and ``failed`` ids."""
ABORTED = "aborted"
"""That `abort` has told it to stop."""
END = "end"
"""The document, from when the end was first seen on."""
CODE = "code"
"""Certbot's exit code."""


_LIMIT = 50_000_000


def read(session: Session, name: str) -> Any:
    """What was noted, None if nothing was, or what a power cut has left of it.

    :raises OSError: if that cannot be looked at.
    """
    content = record.read(session, name, _LIMIT)
    with contextlib.suppress(ValueError, RecursionError):
        return None if content is None else json.loads(content)
    return None


def put(session: Session, name: str, value: object) -> None:
    """Note something, in place of what was noted; for nobody else to read.

    :raises OSError: if it cannot be written.
    """
    record.put(session, name, json.dumps(value).encode())


def write(session: Session, name: str, value: object) -> bool:
    """`put`, for what nothing depends on so much that a full disk should end a conversation; whether it is noted."""
    try:
        put(session, name, value)
    except OSError:
        return False
    return True


def code(session: Session) -> int | None:
    """Certbot's exit code, None if it is not known."""
    found = read(session, CODE)
    return found if isinstance(found, int) else None


def answered(session: Session) -> tuple[int, list[str]]:
    """Number of the last batch that was answered, 0 if none was, and what of it was refused."""
    found = read(session, ANSWERED)
    batch = found.get("batch") if isinstance(found, dict) else None
    return (batch, list(found.get("failed", ()))) if isinstance(batch, int) else (0, [])


def end(session: Session) -> dict[str, Any] | None:
    """The document that was noted when the end was first seen."""
    found = read(session, END)
    return found if isinstance(found, dict) and found.get("state") in STATES else None


def handed_out(session: Session) -> list[int]:
    """Numbers of the batches somebody has seen."""
    found = read(session, HANDED_OUT)
    return [one for one in found if isinstance(one, int)] if isinstance(found, list) else []


def hand_out(session: Session, batch: int) -> bool:
    """Note that a batch was printed; whether that could be done."""
    return write(session, HANDED_OUT, sorted({*handed_out(session), batch}))
