"""`abort SESSION`: let its Certbot give up and clean up, whatever it does just now."""

from __future__ import annotations

import argparse
import signal
import time

from certbot_external_auth import family, folders
from certbot_external_auth.sessions import Exit, Session, notes, report, store

PATIENCE = 60.0
"""Seconds until it must have ended."""
AGAIN = 10.0
"""Seconds until it is told once more; a handler has five to end."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", help="the session that begin has named")


def main(arguments: argparse.Namespace) -> int:
    """See the module."""
    return report.of_session(arguments, _aborted)


def _aborted(session: Session) -> int:
    ended = _ended(session)
    document, _ = report.look(session)
    if not ended:
        return report.tell({**document, "message": "It has not ended yet; see status."}, Exit.FAILED)
    return report.tell({**document, "message": "It has ended. Remove what is named in remove."}, Exit.DONE)


def _ended(session: Session) -> bool:
    # Nothing said over the socket would be read while Certbot looks for what was published, or asks the CA.
    deadline = time.monotonic() + PATIENCE
    process = store.process(session) if store.alive(session) else None
    if process is not None:
        # First: whoever sees the end then knows why it came.
        notes.write(session, notes.ABORTED, True)
    while process is not None and time.monotonic() < deadline:
        family.send(process, signal.SIGTERM)
        # Between two certificates Certbot may take no notice.
        if store.wait_for_end(session, AGAIN):
            break
    return not store.alive(session)
