"""`abort SESSION`: let its Certbot give up and clean up."""

from __future__ import annotations

import argparse

from certbot_external_auth import folders
from certbot_external_auth.sessions import Exit, Session, finish, outcome, report, store
from certbot_external_auth.sessions.conversation import Conversation

PATIENCE = 60.0
"""Seconds until it must have ended."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", help="the session that begin has named")


def main(arguments: argparse.Namespace) -> int:
    """See the module."""
    return report.of_session(arguments, _aborted)


def _aborted(session: Session) -> int:
    _abort(session)
    document, _ = report.look(session)
    if store.alive(session):
        return report.tell({**document, "message": "It has not ended yet; see status."}, Exit.FAILED)
    return report.tell({**document, "message": "It has ended. Remove what is named in remove."}, Exit.DONE)


def _abort(session: Session) -> None:
    if not store.alive(session):
        return
    said = store.lines(session)
    waiting = outcome.batch(said)
    try:
        conversation = Conversation(session.socket)
    except OSError:
        store.wait_for_end(session, PATIENCE)
        return
    with conversation:
        known = len(said)
        while True:
            ids = list((waiting or {}).get("ids", ()))
            conversation.answer(finish.answers(waiting, ids, "driver.aborted", "the session was aborted"))
            if not conversation.attend(known, deployed=False, limit=PATIENCE):
                break
            # Of a renewal each lineage has a batch of its own.
            known, waiting = len(conversation.lines), conversation.lines[-1]
    store.wait_for_end(session, PATIENCE)
