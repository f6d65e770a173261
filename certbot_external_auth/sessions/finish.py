"""`finish SESSION`: say that the batch is published, or which of it could not be, and see the session to its end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from certbot_external_auth import folders
from certbot_external_auth.errors import UsageError
from certbot_external_auth.sessions import Exit, Session, outcome, report, store
from certbot_external_auth.sessions.conversation import Conversation


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", help="the session that begin has named")
    parser.add_argument("--failed", metavar="ID", action="append", default=[], help="this could not be published")
    parser.add_argument("--message", metavar="TEXT", default="", help="why not, for the log and the error")
    parser.add_argument("--code", metavar="WORD", default="", help="the same for programs")


def main(arguments: argparse.Namespace) -> int:
    """See the module."""
    return report.of_session(
        arguments,
        lambda session: report.tell(*report.as_more(session, *report.settled(*finished(session, arguments)))),
    )


def finished(session: Session, arguments: argparse.Namespace) -> tuple[dict[str, Any], Exit]:
    """Document and exit code when the session has ended, or waits once more."""
    if store.alive(session):
        said = store.lines(session)
        replies = answers(outcome.batch(said), arguments.failed, arguments.code, arguments.message)
        try:
            conversation = Conversation(session.socket)
        except OSError:
            # It ends at this moment, or has not yet begun to listen.
            store.wait_for_end(session, 60.0)
            return report.look(session)
        with conversation:
            conversation.answer(replies)
            waits = conversation.attend(known=len(said))
        if not waits:
            store.wait_for_end(session, 60.0)
    return report.look(session)


def answers(batch: outcome.Line | None, failed: Sequence[str], code: str, message: str) -> list[dict[str, Any]]:
    """What to say about a batch.

    :raises UsageError: if something failed that is not in it.
    """
    ids = list((batch or {}).get("ids", ()))
    unknown = [one for one in failed if one not in ids]
    if unknown:
        raise UsageError([f"--failed {', '.join(unknown)}: the batch has {', '.join(ids) or 'nothing'}."])
    refusal = {"code": code or "driver.failed", "message": message or "it could not be published"}
    return [{"id": one, "ok": False, "error": refusal} if one in failed else {"id": one, "ok": True} for one in ids]
