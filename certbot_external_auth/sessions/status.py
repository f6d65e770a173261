"""`status [SESSION]`: what a session waits for, or all of them. Takes no lock and disturbs nobody."""

from __future__ import annotations

import argparse
import sys

from certbot_external_auth.console import certbot_folders
from certbot_external_auth.sessions import Exit, session_document, socket_place, store


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    certbot_folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", nargs="?", help="without it: every session on record")


def main(arguments: argparse.Namespace) -> int:
    """See the module."""
    if arguments.session is not None:
        return session_document.of_session(
            arguments, lambda session: session_document.tell(*session_document.look(session))
        )
    socket_place.sweep()
    return _listed(certbot_folders.found({"work-dir": arguments.work_dir})[1])


def _listed(work_dir: str) -> int:
    """All that can be looked at; the others are a failure that is said."""
    found, problems = store.looked(work_dir)
    sessions = []
    for one in found:
        try:
            state = session_document.look(one)[0]["state"]
        except OSError as error:
            problems.append(f"{one.id}: {store.unreadable(work_dir, error)}")
            continue
        told = {"session": one.id, "started": one.started, "config_dir": one.config_dir, "state": state}
        sessions.append(told)
    code = session_document.tell({"sessions": sessions}, Exit.FAILED if problems else Exit.DONE)
    for problem in problems:
        print(problem, file=sys.stderr)
    return code
