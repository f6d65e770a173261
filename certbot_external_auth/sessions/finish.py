"""`finish SESSION`: say that the batch is published, or which of it could not be, and see the session to its end."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Sequence
from typing import Any

from certbot_external_auth.console import certbot_folders
from certbot_external_auth.errors import UsageError
from certbot_external_auth.sessions import Exit, Session, notes, session_document, session_state, store
from certbot_external_auth.sessions.conversation import BusyError, reached

_PAUSE = 0.1
"""Seconds between two trials while somebody else talks to the session's Certbot."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    certbot_folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", help="the session that begin has named")
    parser.add_argument(
        "--batch",
        metavar="NUMBER",
        type=_number,
        help="the batch that is published; another one is not answered (default: what was printed last)",
    )
    parser.add_argument("--failed", metavar="ID", action="append", default=[], help="this could not be published")
    parser.add_argument("--message", metavar="TEXT", default="", help="why not, for the log and the error")
    parser.add_argument("--code", metavar="WORD", default="", help="the same for programs")


def main(arguments: argparse.Namespace) -> int:
    """See the module."""
    return session_document.of_session(
        arguments,
        lambda session: session_document.hand_out(
            session, *session_document.as_more(session, *session_document.settled(*finished(session, arguments)))
        ),
    )


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text[:20]) > 0:
        return int(text[:20])
    raise argparse.ArgumentTypeError(f"{text!r} is no number of a batch; they begin with 1")


def finished(session: Session, arguments: argparse.Namespace) -> tuple[dict[str, Any], Exit]:
    """Document and exit code when the session has ended, or waits once more.

    :raises UsageError: if there is no such batch, or something failed that is not in it.
    """
    now = session_document.seen(session)
    # Fixed here: another `finish` may hand out the next one meanwhile.
    meant = arguments.batch or max(now.handed_out, default=0)
    if meant > len(session_state.batches(now.lines)):
        raise UsageError([f"--batch {meant}: the session has {len(session_state.batches(now.lines))} so far."])
    while now.alive:
        waits = session_state.waiting(now)
        asked = session_state.batches(now.lines)
        replies = []
        if meant == len(asked):
            refuse_answered(now, arguments.failed)
            replies = answers(asked[-1] if asked else None, arguments.failed, arguments.code, arguments.message)
        elif waits is not None:
            # The caller has not seen it.
            break
        with contextlib.suppress(BusyError):
            _attend(session, now, meant, replies if waits is not None else [])
            break
        time.sleep(_PAUSE)
        now = session_document.seen(session)
    else:
        if meant == now.answered:
            refuse_answered(now, arguments.failed)
    return session_document.look(session, since=arguments.batch)


def _attend(session: Session, now: session_state.Seen, number: int, replies: list[dict[str, Any]]) -> None:
    """Answer a batch, and be there until the session has ended or waits once more.

    :raises BusyError: if somebody else talks to it; nothing is answered then.
    """
    conversation = reached(session)
    if conversation is None:
        # It ends at this moment, or has not yet begun to listen.
        store.wait_for_end(session, 60.0)
        return
    with conversation:
        if replies:
            conversation.welcome()
            conversation.answer(replies)
            failed = [reply["id"] for reply in replies if not reply["ok"]]
            notes.write(session, notes.ANSWERED, {"batch": number, "failed": failed})
        waits = conversation.attend(known=len(now.lines))
    if not waits:
        store.wait_for_end(session, 60.0)


def refuse_answered(now: session_state.Seen, failed: Sequence[str]) -> None:
    """What the CA is asked about cannot be taken back; said twice, it is the same answer.

    :raises UsageError: if it was said to be published before.
    """
    answered = {one for batch in session_state.batches(now.lines)[: now.answered] for one in batch.get("ids", ())}
    late = [one for one in failed if one in answered and one not in now.failed]
    if late:
        raise UsageError([f"--failed {', '.join(late)}: it was answered already, and is said to be published."])


def answers(batch: session_state.Line | None, failed: Sequence[str], code: str, message: str) -> list[dict[str, Any]]:
    """What to say about a batch.

    :raises UsageError: if something failed that is not in it.
    """
    ids = list((batch or {}).get("ids", ()))
    unknown = [one for one in failed if one not in ids]
    if unknown:
        raise UsageError([f"--failed {', '.join(unknown)}: the batch has {', '.join(ids) or 'nothing'}."])
    refusal = {"code": code or "driver.failed", "message": message or "it could not be published"}
    return [{"id": one, "ok": False, "error": refusal} if one in failed else {"id": one, "ok": True} for one in ids]
