"""Certbot in two steps: `begin` starts it in the background and prints the batch, `finish` answers and ends it.

This is for tools that run one task after the other and cannot keep a connection open. The lines travel over a socket in
a folder for this user alone. Certbot's work directory has a copy of them, so that a later verb can read the end.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

FOLDER = "sessions"
"""The name of the folder of sessions, in the plugin's folder below Certbot's work directory."""
DEADLINE = 900
"""Seconds that a batch waits for `finish`. Certbot holds its lock meanwhile."""


class Exit(enum.IntEnum):
    """The exit codes of the four verbs. A caller MUST treat a code that is not listed here as a failure."""

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
        "No finish came before the deadline. Certbot gave the batch up and did not ask the CA to validate it. For more "
        "time, begin with --deadline SECONDS.",
    ),
    "lost": (Exit.LOST, "Certbot was killed, or the machine was restarted. Begin again."),
    "locked": (Exit.LOCKED, "Another Certbot process holds the lock of these folders. Begin again when it has ended."),
    "failed": (Exit.FAILED, "Certbot failed. See errors, or output if errors is empty."),
    "aborted": (Exit.FAILED, "An abort ended the session. Remove what is listed in remove, and begin again."),
    "unknown": (Exit.UNKNOWN, "No such session is on record."),
}
"""Each state of a session with the exit code of `begin`, `finish` and `status`, and what it means."""


@dataclass(frozen=True)
class Session:
    """A session, as its record describes it.

    :ivar folder: the folder of the record.
    :ivar socket: the path at which its Certbot listens.
    :ivar verb: the verb of Certbot.
    :ivar started: RFC 3339, UTC.
    :ivar cert_name: the lineage that the command line names; None if it names none.
    :ivar names: the names that the command line asks for.
    :ivar before: the fingerprints of the live certificates at the beginning, by lineage; None if unreadable.
    :ivar deadline: seconds that a batch waits for `finish`; None if Certbot's command line has its own limit.
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
    before: Mapping[str, str | None] = field(default_factory=dict)
    deadline: int | None = None
