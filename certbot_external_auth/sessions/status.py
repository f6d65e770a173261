"""`status [SESSION]`: what a session waits for, or all of them. Takes no lock and disturbs nobody."""

from __future__ import annotations

import argparse

from certbot_external_auth import folders
from certbot_external_auth.sessions import Exit, report, socket_place, store


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    folders.arguments(parser)
    parser.add_argument("session", metavar="SESSION", nargs="?", help="without it: every session on record")


def main(arguments: argparse.Namespace) -> int:
    """See the module."""
    if arguments.session is not None:
        return report.of_session(arguments, lambda session: report.tell(*report.look(session)))
    socket_place.sweep()
    sessions = [
        {"session": one.id, "started": one.started, "config_dir": one.config_dir, "state": report.look(one)[0]["state"]}
        for one in store.every(folders.found({"work-dir": arguments.work_dir})[1])
    ]
    return report.tell({"sessions": sessions}, Exit.DONE)
