"""The one JSON document that each verb prints, and its exit code."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from certbot_external_auth.console import certbot_folders, documents
from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages import certificate, handed_over
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.sessions import STATES, Exit, Session, notes, session_state, socket_place, store
from certbot_external_auth.sessions.conversation import UnreachableError
from certbot_external_auth.text import rfc3339

_UNEXPLAINED = ("failed", "locked", "lost", "aborted")
"""States in which what Certbot printed may be all there is to read."""


def certificates(session: Session, now: session_state.Seen) -> list[dict[str, Any]]:
    """The certificates a session is about, as they are on disk now."""
    paths = session_state.saved_for_request(now.output)
    requested = None if paths is None else _requested(paths)
    if requested is not None:
        return [requested]
    live = handed_over.live_certificates(session.config_dir)
    written = {name for name, sha256 in live.items() if session.before.get(name) != sha256}
    changed = written | session_state.handed_over(now.lines)
    found = [_certificate(session, name, name in changed) for name in live]
    return [one for one in found if one is not None and _concerns(session, one)]


def _concerns(session: Session, one: Mapping[str, Any]) -> bool:
    if one["changed"]:
        return True
    if session.cert_name:
        return bool(one["name"] == session.cert_name)
    return not session.names or {name.lower() for name in one["domains"]} == set(session.names)


def _certificate(session: Session, name: str, changed: bool) -> dict[str, Any] | None:
    lineage = Lineage(session.config_dir, name)
    with contextlib.suppress(OSError, ValueError):
        return {"name": name, **lineage.paths, **_facts(lineage.cert_path), "changed": changed}
    return None


def seen(session: Session) -> session_state.Seen:
    """What is known of a session now, but for `changed`.

    :raises OSError: if that cannot be looked at.
    """
    # In this order: what is said between the two looks must not be missed.
    alive = store.alive(session)
    answered, failed = notes.answered(session)
    return session_state.Seen(
        lines=store.lines(session),
        alive=alive,
        verb=session.verb,
        code=notes.code(session),
        output=store.output(session),
        answered=answered,
        failed=failed,
        handed_out=notes.handed_out(session),
        aborted=notes.read(session, notes.ABORTED) is True,
    )


def _facts(path: str) -> dict[str, Any]:
    facts = certificate.read(path)
    return {"domains": list(facts.names), "not_after": rfc3339(facts.not_after), "sha256": facts.sha256}


def _requested(paths: Mapping[str, str]) -> dict[str, Any] | None:
    """The certificate for a request of one's own, whose key is not Certbot's."""
    with contextlib.suppress(OSError, ValueError):
        return {"name": None, "key_path": None, **paths, **_facts(paths["cert_path"]), "changed": True}
    return None


def look(session: Session, since: int | None = None) -> tuple[dict[str, Any], Exit]:
    """Document and exit code for a session as it is now, or was when its end was first seen.

    :param since: the batch that the caller has seen last; see `outcome.to_remove`.
    :raises OSError: if that cannot be looked at; nothing is changed then.
    """
    now = seen(session)
    document = None if now.alive else notes.end(session)
    if document is None:
        document = _document(session, now)
        if not now.alive:
            socket_place.remove(session)
            # What other runs write later is none of its doing.
            notes.write(session, notes.END, document)
    document["remove"] = session_state.to_remove(now, since)
    return document, STATES[document["state"]][0]


def _document(session: Session, now: session_state.Seen) -> dict[str, Any]:
    # While Certbot waits they are what they were, and a host may have hundreds.
    found = [] if now.alive else certificates(session, now)
    now = dataclasses.replace(now, changed=any(one["changed"] for one in found))
    document = session_state.document(session.id, now, command(session))
    document["certificates"] = found
    if document["state"] in _UNEXPLAINED and not document["errors"]:
        document["output"] = now.output
    return document


def note_ends(sessions: Sequence[Session]) -> None:
    """See to it that sessions which have ended keep their result, whatever another one does."""
    for session in sessions:
        if notes.end(session) is None:
            look(session)


def tell(document: Mapping[str, Any], code: Exit) -> int:
    """Print a document; the result is the exit code.

    :raises NotPrintedError: if that cannot be done.
    """
    documents.tell(document)
    return int(code)


def hand_out(session: Session, document: dict[str, Any], code: Exit) -> int:
    """Print a document to who will act on it; the result is the exit code."""
    result = tell(document, code)
    confirm_removal(session)
    if document["batch"] is not None and not notes.hand_out(session, document["batch"]):
        print(
            f"There is no room to note which batch was printed; say it: {command(session)} --batch {document['batch']}",
            file=sys.stderr,
        )
    return result


def confirm_removal(session: Session) -> None:
    """What an ended session has handed out to be removed is the caller's own work, as it is while Certbot runs.

    Its Certbot may have ended with nobody there to whom cleanup could be said.
    """
    if store.alive(session):
        return
    from certbot_external_auth.recovery import confirmation

    performed = [line for line in store.lines(session) if line.get("cmd") == "perform_challenge"]
    with contextlib.suppress(OSError):
        confirmation.published(session.work_dir, performed)


def settled(document: dict[str, Any], code: Exit) -> tuple[dict[str, Any], Exit]:
    """For a verb that should have seen the end: a Certbot that does not answer is a failure."""
    return (document, Exit.FAILED) if document["state"] == "working" else (document, code)


def command(session: Session, verb: str = "finish") -> str:
    """A verb for a session, as it is typed; for `finish` but for the batch."""
    found_by_itself = certbot_folders.found({})[1] == session.work_dir
    more = [] if found_by_itself else ["--work-dir", session.work_dir]
    return shlex.join(["certbot-external-auth", verb, *more, session.id])


def as_more(session: Session, document: dict[str, Any], code: Exit) -> tuple[dict[str, Any], Exit]:
    """The words of `finish` for a session that waits once more."""
    if document["state"] != "waiting":
        return document, code
    message = session_state.message("more", command(session), document["batch"])
    return {**document, "state": "more", "message": message}, STATES["more"][0]


def refused(message: str, state: str, more: Mapping[str, str] | None = None) -> int:
    """A verb that could not do its work. :param more: what its document has besides."""
    return tell({**(more or {}), "state": state, "message": message}, STATES[state][0])


def of_session(arguments: argparse.Namespace, verb: Callable[[Session], int]) -> int:
    """Do a verb's work on the session that its command line names; the result is the exit code.

    :raises UsageError: if it names another configuration directory than the session has, or cannot be looked at.
    """
    socket_place.sweep()
    try:
        session = store.find(certbot_folders.found({"work-dir": arguments.work_dir})[1], arguments.session)
    except store.UnknownSessionError as error:
        return refused(str(error), "unknown")
    if arguments.config_dir is not None and os.path.realpath(arguments.config_dir) != os.path.realpath(
        session.config_dir
    ):
        raise UsageError([f"--config-dir {arguments.config_dir}: the session {session.id} is of {session.config_dir}."])
    try:
        with interruptible(session):
            return verb(session)
    except UnreachableError as error:
        return refused(str(error), "failed", {"session": session.id})
    except OSError as error:
        raise store.unreadable(session.work_dir, error) from error


@contextlib.contextmanager
def interruptible(session: Session) -> Iterator[None]:
    """Ctrl-C ends the verb with a sentence; the session goes on. So does a document that cannot be printed.

    :raises SystemExit: with 130, as shells have it; with 1 for the document.
    """
    try:
        yield
    except documents.NotPrintedError as error:
        print(f"{error} It is that of session {session.id}; see: {command(session, verb='status')}", file=sys.stderr)
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        status, abort = command(session, verb="status"), command(session, verb="abort")
        print(f"Interrupted; session {session.id} goes on. See: {status}; to end it: {abort}", file=sys.stderr)
        sys.exit(130)
