"""`abort SESSION`: stops the Certbot of a session, whatever it is doing. Certbot then cleans up."""

from __future__ import annotations

import argparse
import time

from certbot_external_auth.console import certbot_folders
from certbot_external_auth.sessions import Exit, Session, certbot_process, notes, session_document, store

PATIENCE_SECONDS = 60.0
"""How long Certbot has to end."""
_REPEAT_SECONDS = 10.0
"""The time after which Certbot gets the signal again. A handler may take five seconds of it to end."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    certbot_folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", help="the id that begin printed")


def main(arguments: argparse.Namespace) -> int:
    """Run the verb, and return its exit code."""
    return session_document.of_session(arguments, _aborted)


def _aborted(session: Session) -> int:
    ended = _ended(session)
    document, _ = session_document.describe(session)
    if not ended:
        return session_document.tell(
            {**document, "message": "The session has not ended yet. To see when it has, run status."}, Exit.FAILED
        )
    return session_document.hand_out(
        session, {**document, "message": "The session has ended. Remove what is listed in remove."}, Exit.DONE
    )


def _ended(session: Session) -> bool:
    # A signal: while Certbot verifies, or waits for the CA, it reads nothing from the socket.
    if not store.alive(session):
        return True
    deadline = time.monotonic() + PATIENCE_SECONDS
    processes = certbot_process.find(session)
    if processes.certbot is not None:
        # Before the signal, so that the verb that sees the end knows the reason.
        notes.write(session, notes.ABORTED, True)
    while processes.certbot is not None and time.monotonic() < deadline:
        processes.stop()
        # Between two certificates Certbot can miss a signal.
        if store.wait_for_end(session, _REPEAT_SECONDS):
            break
    return not store.alive(session)
