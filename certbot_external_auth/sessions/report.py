"""The one JSON document that each verb prints, and its exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from certbot_external_auth import certificate, deployment, folders, lines
from certbot_external_auth.sessions import STATES, Exit, Session, outcome, store
from certbot_external_auth.sessions.conversation import BusyError


def certificates(session: Session) -> list[dict[str, Any]]:
    """The certificates a session is about, as they are on disk now."""
    live = deployment.live_certificates(session.config_dir)
    found = [_certificate(session, name, sha256) for name, sha256 in live.items()]
    return [one for one in found if one is not None and _concerns(session, one)]


def _concerns(session: Session, one: Mapping[str, Any]) -> bool:
    if one["changed"]:
        return True
    if session.cert_name:
        return bool(one["name"] == session.cert_name)
    return not session.names or {name.lower() for name in one["domains"]} == {name.lower() for name in session.names}


def _certificate(session: Session, name: str, sha256: str) -> dict[str, Any] | None:
    folder = os.path.join(session.config_dir, "live", name)
    with contextlib.suppress(OSError, ValueError):
        facts = certificate.read(os.path.join(folder, "cert.pem"))
        files = {"cert": "cert", "key": "privkey", "chain": "chain", "fullchain": "fullchain"}
        return {
            "name": name,
            "domains": list(facts.names),
            **{f"{kind}_path": os.path.join(folder, f"{file}.pem") for kind, file in files.items()},
            "not_after": lines.rfc3339(facts.not_after),
            "sha256": sha256,
            "changed": session.before.get(name) != sha256,
        }
    return None


def look(session: Session) -> tuple[dict[str, Any], Exit]:
    """Document and exit code for a session as it is now."""
    # In this order: what is said between the two looks must not be missed.
    alive = store.alive(session)
    if not alive:
        store.remove_socket(session)
    said = store.lines(session)
    # While Certbot waits they are what they were, and a host may have hundreds.
    found = [] if alive else certificates(session)
    printed = store.output(session)
    name = outcome.state(said, alive, any(one["changed"] for one in found), printed)
    document = outcome.document(session.id, name, said, alive, command(session))
    document["certificates"] = found
    if name in ("failed", "locked") and not document["errors"]:
        document["output"] = printed
    return document, STATES[name][0]


def tell(document: Mapping[str, Any], code: Exit) -> int:
    """Print a document; the result is the exit code."""
    print(json.dumps(document, indent=1))
    sys.stdout.flush()
    return int(code)


def settled(document: dict[str, Any], code: Exit) -> tuple[dict[str, Any], Exit]:
    """For a verb that should have seen the end: a Certbot that does not answer is a failure."""
    return (document, Exit.FAILED) if document["state"] == "working" else (document, code)


def command(session: Session) -> str:
    """What finishes a session."""
    found_by_itself = folders.found({})[1] == session.work_dir
    more = [] if found_by_itself else ["--work-dir", session.work_dir]
    return shlex.join(["certbot-external-auth", "finish", *more, session.id])


def as_more(session: Session, document: dict[str, Any], code: Exit) -> tuple[dict[str, Any], Exit]:
    """The words of `finish` for a session that waits once more."""
    if document["state"] != "waiting":
        return document, code
    exit_code, message = STATES["more"]
    return {**document, "state": "more", "message": message.format(command=command(session))}, exit_code


def refused(message: str, code: Exit, more: Sequence[tuple[str, Any]] = ()) -> int:
    """A verb that could not do its work."""
    return tell({**dict(more), "state": "failed", "message": message}, code)


def of_session(arguments: argparse.Namespace, verb: Callable[[Session], int]) -> int:
    """Do a verb's work on the session that its command line names; the result is the exit code."""
    try:
        session = store.find(folders.found({"work-dir": arguments.work_dir})[1], arguments.session)
    except store.UnknownSessionError as error:
        return refused(str(error), Exit.UNKNOWN)
    try:
        return verb(session)
    except BusyError as error:
        return refused(str(error), Exit.FAILED, [("session", session.id)])
