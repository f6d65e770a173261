"""Certbot in two steps: `begin` starts it in the background and returns with the batch, `finish` answers and ends it.

For tools that think in tasks and cannot hold a conversation. The lines travel over a socket in a folder of this user's
alone; a record of them lies in Certbot's work directory, so the end is known also when nobody was there.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

FOLDER = "sessions"
"""Below the plugin's own in Certbot's work directory."""
DEADLINE = 900
"""Seconds a batch waits for `finish`: Certbot holds its lock meanwhile."""


class Exit(enum.IntEnum):
    """Exit codes of all four verbs. A code that is not here MUST be treated as a failure."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOTHING_DUE = 3
    REFUSED_BY_CA = 4
    DEPLOY_FAILED = 5
    UNKNOWN = 6
    LOST = 7
    LOCKED = 8
    MORE = 9


STATES: Mapping[str, tuple[Exit, str]] = {
    "waiting": (Exit.DONE, "Publish what is in the batch, then run: {command}"),
    "more": (Exit.MORE, "Remove what is listed in remove, publish the next batch, then run: {command}"),
    "working": (Exit.DONE, "Certbot is working."),
    "done": (Exit.DONE, "Done. See certificates."),
    "nothing_due": (Exit.NOTHING_DUE, "No certificate is due."),
    "refused": (Exit.REFUSED_BY_CA, "The CA refused. See problems and errors."),
    "deploy_failed": (Exit.DEPLOY_FAILED, "The certificate is saved, but could not be deployed."),
    "expired": (
        Exit.LOST,
        "No finish came before the deadline. Certbot gave the batch up and did not ask the CA to validate it.",
    ),
    "lost": (Exit.LOST, "Certbot was killed, or the machine was restarted. Begin again."),
    "locked": (Exit.LOCKED, "Another Certbot process holds the lock of these folders. Begin again when it has ended."),
    "failed": (Exit.FAILED, "Certbot failed. See errors, or output if errors is empty."),
    "aborted": (Exit.FAILED, "An abort ended the session. Remove what is listed in remove, and begin again."),
    "unknown": (Exit.UNKNOWN, "No such session is on record."),
}
"""State of a session to the exit code of the verb that finds it so, and what it means."""


@dataclass(frozen=True)
class Session:
    """A session, as its file has it.

    :ivar folder: of its record; :ivar socket: where its Certbot listens.
    :ivar verb: Certbot's. :ivar cert_name: the lineage named, None if none was.
    :ivar names: the names asked for.
    :ivar started: RFC 3339, UTC.
    :ivar before: fingerprints of the live certificates when it began.
    :ivar deadline: seconds that a batch waits for `finish`; None: as the command line says.
    """

    id: str
    folder: str
    socket: str
    config_dir: str
    work_dir: str
    verb: str
    started: str
    cert_name: str | None = None
    names: tuple[str, ...] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    deadline: int | None = None
