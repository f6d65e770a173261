"""`status [SESSION]`: shows what a session, or every session, is waiting for. Certbot does not notice it."""

from __future__ import annotations

import argparse

from certbot_external_auth.console import certbot_folders, terminal_lines
from certbot_external_auth.sessions import Exit, session_document, socket_place, store


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    certbot_folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", nargs="?", help="one session (default: list all)")


def main(arguments: argparse.Namespace) -> int:
    """Run the verb, and return its exit code."""
    if arguments.session is not None:
        return session_document.of_session(
            arguments, lambda session: session_document.tell(*session_document.describe(session))
        )
    socket_place.sweep()
    return _listed(certbot_folders.existing({"work-dir": arguments.work_dir})[1])


def _listed(work_dir: str) -> int:
    """Print every session whose record can be read; the others are errors on stderr, and make the exit code 1."""
    readable, problems = store.readable(work_dir)
    sessions = []
    for session in readable:
        try:
            state = session_document.describe(session)[0]["state"]
        except OSError as error:
            problems.append(f"{session.id}: {store.unreadable(work_dir, error)}")
            continue
        sessions.append(
            {"session": session.id, "started": session.started, "config_dir": session.config_dir, "state": state}
        )
    code = session_document.tell({"sessions": sessions}, Exit.FAILED if problems else Exit.DONE)
    for problem in problems:
        terminal_lines.complain(problem)
    return code
