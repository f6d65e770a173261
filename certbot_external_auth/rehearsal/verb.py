"""The verb `rehearse`: look at what the next renewal of each certificate needs. It renews nothing."""

from __future__ import annotations

import argparse
import datetime

from certbot_external_auth.console import certbot_folders, documents, terminal_lines

EPILOG = (
    "Exit code: 0 if every renewal can work, 1 if one would fail, 2 for wrong use, 128 + N if signal N interrupted it."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    parser.epilog = EPILOG
    parser.add_argument("--cert-name", action="append", default=[], metavar="NAME", help="only this certificate")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="publish a test value for each certificate, check that it is visible, and remove it",
    )
    parser.add_argument(
        "--served", action="store_true", help="check that every address serves the certificate that Certbot has saved"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    certbot_folders.arguments(parser)


def main(given: argparse.Namespace) -> int:
    """Rehearse, print, and return the exit code.

    :returns: 128 + N if signal N interrupted it: nothing is known then.
    :raises UsageError: if a certificate that was named is not there.
    """
    import sys

    from certbot_external_auth.rehearsal import report
    from certbot_external_auth.rehearsal.findings import Level
    from certbot_external_auth.rehearsal.rehearsal import Wanted, rehearse
    from certbot_external_auth.rehearsal.subject import Host
    from certbot_external_auth.signals.interruption import Interrupted, raising_interrupted

    named = {"config-dir": given.config_dir, "work-dir": given.work_dir}
    host = Host(*certbot_folders.found(named))
    wanted = Wanted(given.cert_name, given.publish, given.served)
    try:
        with raising_interrupted():
            found = rehearse(host, wanted, datetime.datetime.now(datetime.timezone.utc))
    except Interrupted as interrupted:
        terminal_lines.complain(f"{interrupted}: stopped, without a report.")
        return 128 + interrupted.number
    if given.json:
        documents.tell(report.document(found))
    else:
        text = "\n".join(report.lines(found))
        documents.put(terminal_lines.for_stream(text, sys.stdout), "The report")
    return 1 if found.level is Level.PROBLEM else 0
