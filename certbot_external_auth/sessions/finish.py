"""`finish SESSION`: reports that the batch is published, or which part could not be, and waits for the next state."""

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
from certbot_external_auth.text import counted

_RETRY_SECONDS = 0.1
"""The time between two attempts to connect while another process is connected to the session's Certbot."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    certbot_folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", help="the id that begin printed")
    parser.add_argument(
        "--batch",
        metavar="NUMBER",
        type=_number,
        help="the batch that is published; no other batch is answered (default: the one printed last)",
    )
    parser.add_argument(
        "--failed",
        metavar="ID",
        action="append",
        default=[],
        help="the id of a challenge that could not be published; can be repeated",
    )
    parser.add_argument(
        "--message", metavar="TEXT", default="", help="why it could not be published, for the log and the error"
    )
    parser.add_argument(
        "--code", metavar="WORD", default="", help="why it could not be published, as a code for programs"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the verb, and return its exit code."""
    return session_document.of_session(
        arguments,
        lambda session: session_document.hand_out(
            session, *session_document.as_more(session, *session_document.settled(*finished(session, arguments)))
        ),
    )


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text[:20]) > 0:
        return int(text[:20])
    raise argparse.ArgumentTypeError(f"{text!r} is not the number of a batch; numbers begin with 1")


def finished(session: Session, arguments: argparse.Namespace) -> tuple[dict[str, Any], Exit]:
    """Answer the batch; return document and exit code when the session has ended, or waits again.

    :raises UsageError: if there is no such batch, or an id in ``--failed`` is not in it.
    """
    now = session_document.seen(session)
    # Decided here: another `finish` may print the next batch meanwhile.
    meant = arguments.batch or max(now.handed_out, default=0)
    known = len(session_state.batches(now.lines))
    if meant > known:
        raise UsageError([f"--batch {meant}: the session has {counted(known, 'batch', 'batches')} so far."])
    while now.alive:
        waits = session_state.waiting(now)
        asked = session_state.batches(now.lines)
        replies = []
        if meant == len(asked):
            refuse_answered(now, arguments.failed)
            replies = answers(asked[-1] if asked else None, arguments.failed, arguments.code, arguments.message)
        elif waits is not None:
            # The caller has not seen the batch that waits.
            break
        with contextlib.suppress(BusyError):
            _attend(session, now, meant, replies if waits is not None else [])
            break
        time.sleep(_RETRY_SECONDS)
        now = session_document.seen(session)
    else:
        if meant == now.answered:
            refuse_answered(now, arguments.failed)
    return session_document.describe(session, since=arguments.batch)


def _attend(session: Session, now: session_state.Seen, number: int, replies: list[dict[str, Any]]) -> None:
    """Answer a batch, and stay connected until the session has ended or waits again.

    :raises BusyError: if another process is connected; nothing is answered then.
    """
    conversation = reached(session)
    if conversation is None:
        # Certbot is about to end, or does not listen yet.
        store.wait_for_end(session, store.END_SECONDS)
        return
    with conversation:
        if replies:
            conversation.welcome()
            conversation.answer(replies)
            failed = [reply["id"] for reply in replies if not reply["ok"]]
            notes.write(session, notes.ANSWERED, {"batch": number, "failed": failed})
        waits = conversation.attend(known=len(now.lines))
    if not waits:
        store.wait_for_end(session, store.END_SECONDS)


def refuse_answered(now: session_state.Seen, failed: Sequence[str]) -> None:
    """Refuse a failure that is reported too late. Reporting the same failure again is allowed.

    :raises UsageError: if a `finish` has already reported one of these ids as published.
    """
    answered = {id_ for batch in session_state.batches(now.lines)[: now.answered] for id_ in batch.get("ids", ())}
    late = [id_ for id_ in failed if id_ in answered and id_ not in now.failed]
    if late:
        raise UsageError([f"--failed {', '.join(late)}: an earlier finish reported this as published."])


def answers(batch: session_state.Line | None, failed: Sequence[str], code: str, message: str) -> list[dict[str, Any]]:
    """Make the answers to a batch.

    :raises UsageError: if an id in ``--failed`` is not in the batch.
    """
    ids = list((batch or {}).get("ids", ()))
    unknown = [one for one in failed if one not in ids]
    if unknown:
        raise UsageError([f"--failed {', '.join(unknown)}: the batch has {', '.join(ids) or 'nothing'}."])
    refusal = {"code": code or "driver.failed", "message": message or "it could not be published"}
    return [{"id": one, "ok": False, "error": refusal} if one in failed else {"id": one, "ok": True} for one in ids]
