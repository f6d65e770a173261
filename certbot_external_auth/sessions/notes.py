"""What the verbs, and the shell above Certbot, note in a session's folder for those that come later."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from certbot_external_auth import own_folder
from certbot_external_auth.sessions import FOLDER, Session

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


def read(session: Session, name: str) -> Any:
    """What was noted, None if nothing was."""
    with contextlib.suppress(OSError, ValueError), open(os.path.join(session.folder, name), encoding="utf-8") as file:
        return json.load(file)
    return None


def put(session: Session, name: str, value: object) -> None:
    """Note something, in place of what was noted; for nobody else to read.

    :raises OSError: if it cannot be written.
    """
    with own_folder.opened(session.work_dir, FOLDER, session.id, create=False) as folder:
        os.close(own_folder.put(folder, name, json.dumps(value).encode()))


def write(session: Session, name: str, value: object) -> None:
    """`put`, for what nothing depends on so much that a full disk should end a conversation."""
    with contextlib.suppress(OSError):
        put(session, name, value)


def handed_out(session: Session) -> list[int]:
    """Numbers of the batches somebody has seen."""
    return read(session, HANDED_OUT) or []


def hand_out(session: Session, batch: int) -> None:
    """Note that a batch was printed."""
    write(session, HANDED_OUT, sorted({*handed_out(session), batch}))
