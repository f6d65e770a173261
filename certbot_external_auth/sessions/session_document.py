"""The JSON document that each verb prints, and the verb's exit code."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from certbot_external_auth.console import certbot_folders, documents, terminal_lines
from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages import certificate, handed_over
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.sessions import STATES, Exit, Session, notes, session_state, socket_place, store
from certbot_external_auth.sessions.conversation import UnreachableError
from certbot_external_auth.text import rfc3339

_UNEXPLAINED = ("failed", "locked", "lost", "aborted")
"""States whose only explanation may be what Certbot printed."""


def certificates(session: Session, now: session_state.Seen) -> list[dict[str, Any]]:
    """Return the certificates that a session is about, as they are on disk now."""
    paths = session_state.saved_for_request(now.output)
    requested = None if paths is None else _requested(paths)
    if requested is not None:
        return [requested]
    live = handed_over.live_certificates(session.config_dir)
    written = {name for name, sha256 in live.items() if handed_over.has_changed(session.before, name, sha256)}
    changed = written | session_state.handed_over(now.lines)
    described = [_certificate(session, name, name in changed) for name in live]
    return [each for each in described if each is not None and _concerns(session, each)]


def _concerns(session: Session, described: Mapping[str, Any]) -> bool:
    if described["changed"]:
        return True
    if session.cert_name:
        return bool(described["name"] == session.cert_name)
    return not session.names or {name.lower() for name in described["domains"]} == set(session.names)


def _certificate(session: Session, name: str, changed: bool) -> dict[str, Any] | None:
    lineage = Lineage(session.config_dir, name)
    with contextlib.suppress(OSError, ValueError):
        return {"name": name, **lineage.paths, **_facts(lineage.cert_path), "changed": changed}
    return None


def seen(session: Session) -> session_state.Seen:
    """Read what is known of a session now; `changed` is not filled in.

    :raises OSError: if the record cannot be read.
    """
    # The lock first: a line that Certbot writes after this check is not missed.
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
    """Describe the certificate for a CSR of the user's own (--csr); Certbot does not have its key."""
    with contextlib.suppress(OSError, ValueError):
        return {"name": None, "key_path": None, **paths, **_facts(paths["cert_path"]), "changed": True}
    return None


def describe(session: Session, since: int | None = None) -> tuple[dict[str, Any], Exit]:
    """Return document and exit code for a session as it is now, or as the first verb found it after its end.

    :param since: the batch that the caller has seen last; see `session_state.to_remove`.
    :raises OSError: if the record cannot be read; nothing is changed then.
    """
    now = seen(session)
    document = None if now.alive else notes.end(session)
    if document is None:
        document = _document(session, now)
        if not now.alive:
            socket_place.remove(session)
            # Noted now: certificates that later runs write do not belong to this session.
            notes.write(session, notes.END, document)
    document["remove"] = session_state.to_remove(now, since)
    return document, STATES[document["state"]][0]


def _document(session: Session, now: session_state.Seen) -> dict[str, Any]:
    # Not while Certbot waits: they have not changed, and a host may have hundreds.
    described = [] if now.alive else certificates(session, now)
    now = dataclasses.replace(now, changed=any(each["changed"] for each in described))
    document = session_state.document(session.id, now, command(session))
    document["certificates"] = described
    if document["state"] in _UNEXPLAINED and not document["errors"]:
        document["output"] = now.output
    return document


def note_ends(sessions: Sequence[Session]) -> None:
    """Note the results of the sessions that have ended, before another session changes certificates."""
    for session in sessions:
        if notes.end(session) is None:
            describe(session)


def tell(document: Mapping[str, Any], code: Exit) -> int:
    """Print a document; return the exit code.

    :raises NotPrintedError: if stdout does not take it.
    """
    documents.tell(document)
    return int(code)


def hand_out(session: Session, document: dict[str, Any], code: Exit) -> int:
    """Print a document for a caller who will act on it; return the exit code."""
    result = tell(document, code)
    confirm_removal(session)
    if document["batch"] is not None and not notes.hand_out(session, document["batch"]):
        terminal_lines.complain(
            "The disk is full, so the plugin could not note which batch it printed. Name the batch: "
            f"{command(session)} --batch {document['batch']}"
        )
    return result


def confirm_removal(session: Session) -> None:
    """Delete the journal entries of an ended session: its document has told the caller what to remove.

    While Certbot runs, a connected verb confirms each cleanup. If Certbot ended without one, this does it.
    """
    if store.alive(session):
        return
    from certbot_external_auth.recovery import confirmation

    performed = [line for line in store.lines(session) if line.get("cmd") == "perform_challenge"]
    with contextlib.suppress(OSError):
        confirmation.published(session.work_dir, performed)


def settled(document: dict[str, Any], code: Exit) -> tuple[dict[str, Any], Exit]:
    """Make `working` a failure, for a verb that waited for the end: Certbot does not answer."""
    return (document, Exit.FAILED) if document["state"] == "working" else (document, code)


def command(session: Session, verb: str = "finish") -> str:
    """Return the command line of a verb for a session; for `finish` without the batch."""
    is_default = certbot_folders.found({})[1] == session.work_dir
    more = [] if is_default else ["--work-dir", session.work_dir]
    return shlex.join(["certbot-external-auth", verb, *more, session.id])


def as_more(session: Session, document: dict[str, Any], code: Exit) -> tuple[dict[str, Any], Exit]:
    """Change `waiting` to `more`, which `finish` prints for a session that waits again."""
    if document["state"] != "waiting":
        return document, code
    message = session_state.message("more", command(session), document["batch"])
    return {**document, "state": "more", "message": message}, STATES["more"][0]


def refused(message: str, state: str, more: Mapping[str, str] | None = None) -> int:
    """Print the document of a verb that could not do its work; return the exit code. :param more: further fields."""
    return tell({**(more or {}), "state": state, "message": message}, STATES[state][0])


def locked(session: Session) -> int:
    """Print the document of a `begin` that another session keeps out; return the exit code."""
    until = None
    with contextlib.suppress(OSError):
        until = (session_state.waiting(seen(session)) or {}).get("deadline")
    end = f"Without a finish, it ends at {until}" if until else "Its Certbot is working"
    message = (
        f"Session {session.id}, which uses {session.config_dir}, has been open since {session.started}. {end}. Finish "
        f"or abort it first, with --work-dir {session.work_dir}, or wait."
    )
    return refused(message, "locked", {"open": session.id, **({"until": until} if until else {})})


def of_session(arguments: argparse.Namespace, verb: Callable[[Session], int]) -> int:
    """Run a verb on the session that its command line names; return the exit code.

    :raises UsageError: if the session has another configuration directory, or its record cannot be read.
    """
    socket_place.sweep()
    try:
        session = store.find(certbot_folders.found({"work-dir": arguments.work_dir})[1], arguments.session)
    except store.UnknownSessionError as error:
        return refused(str(error), "unknown")
    if arguments.config_dir is not None and os.path.realpath(arguments.config_dir) != os.path.realpath(
        session.config_dir
    ):
        raise UsageError([f"--config-dir {arguments.config_dir}: session {session.id} uses {session.config_dir}."])
    try:
        with interruptible(session):
            return verb(session)
    except UnreachableError as error:
        return refused(str(error), "failed", {"session": session.id})
    except OSError as error:
        raise store.unreadable(session.work_dir, error) from error


@contextlib.contextmanager
def interruptible(session: Session) -> Iterator[None]:
    """End the verb with a message on Ctrl-C, or if its document cannot be printed; the session goes on.

    :raises SystemExit: with 130 after Ctrl-C, as in shells; with 1 if the document cannot be printed.
    """
    try:
        yield
    except documents.NotPrintedError as error:
        status = command(session, verb="status")
        terminal_lines.complain(f"{error} To print that of session {session.id} again, run: {status}")
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        status, abort = command(session, verb="status"), command(session, verb="abort")
        terminal_lines.complain(
            f"Interrupted; session {session.id} goes on. To see its state, run: {status}; to end it: {abort}"
        )
        sys.exit(130)
