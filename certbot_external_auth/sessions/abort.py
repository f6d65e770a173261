"""`abort SESSION`: let its Certbot give up and clean up, whatever it does just now."""

from __future__ import annotations

import argparse
import time

from certbot_external_auth.console import certbot_folders
from certbot_external_auth.sessions import Exit, Session, certbot_process, notes, session_document, store

PATIENCE = 60.0
"""Seconds until it must have ended."""
AGAIN = 10.0
"""Seconds until it is told once more; a handler has five to end."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    certbot_folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", help="the session that begin has named")


def main(arguments: argparse.Namespace) -> int:
    """See the module."""
    return session_document.of_session(arguments, _aborted)


def _aborted(session: Session) -> int:
    ended = _ended(session)
    document, _ = session_document.look(session)
    if not ended:
        return session_document.tell({**document, "message": "It has not ended yet; see status."}, Exit.FAILED)
    return session_document.hand_out(
        session, {**document, "message": "It has ended. Remove what is named in remove."}, Exit.DONE
    )


def _ended(session: Session) -> bool:
    # Nothing said over the socket would be read while Certbot looks for what was published, or asks the CA.
    if not store.alive(session):
        return True
    deadline = time.monotonic() + PATIENCE
    found = certbot_process.find(session)
    if found.certbot is not None:
        # First: whoever sees the end then knows why it came.
        notes.write(session, notes.ABORTED, True)
    while found.certbot is not None and time.monotonic() < deadline:
        found.stop()
        # Between two certificates Certbot may take no notice.
        if store.wait_for_end(session, AGAIN):
            break
    return not store.alive(session)
