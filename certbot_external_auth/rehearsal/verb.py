"""The verb `rehearse`: look at what the next renewal of each certificate needs. It renews nothing."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from certbot_external_auth.console import certbot_folders, documents, terminal_lines

if TYPE_CHECKING:
    from certbot_external_auth.rehearsal.subject import Host

EPILOG = (
    "Exit code: 0 if every renewal can work, 1 if one would fail, 2 for wrong use. With --notify-test: 0 if every "
    "notifier works, 1 if one fails or there is none. 128 + N if signal N ended it."
)

_AFTER_PUBLISHING = (
    "rehearse has removed what it published. To see whether anything is left, run: certbot-external-auth recover --list"
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
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        help="write figures for Prometheus to this file, and not to those that the certificates name",
    )
    parser.add_argument(
        "--notify-test",
        action="store_true",
        help="only call each notifier once, with a message that says that it is a test",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    certbot_folders.arguments(parser, *certbot_folders.DEFAULTS, certbot_folders.LOGS)


def main(given: argparse.Namespace) -> int:
    """Rehearse, print, and return the exit code.

    :raises UsageError: if the flags do not fit together, or name something that is not there.
    """
    from certbot_external_auth.rehearsal.subject import Host
    from certbot_external_auth.signals.interruption import Interrupted, raising_interrupted

    named = {"config-dir": given.config_dir, "work-dir": given.work_dir}
    host = Host(*certbot_folders.found(named), certbot_folders.logs(given.logs_dir))
    try:
        with raising_interrupted():
            return _notifiers(given, host) if given.notify_test else _renewals(given, host)
    except Interrupted as signal:
        terminal_lines.complain(f"{signal}: stopped. {_AFTER_PUBLISHING if given.publish else ''}".rstrip())
        return 128 + signal.number


def _notifiers(given: argparse.Namespace, host: Host) -> int:
    from certbot_external_auth.errors import UsageError
    from certbot_external_auth.rehearsal import notifiers, report

    others = [f"--{name}" for name in ("publish", "served", "metrics", "json") if getattr(given, name)]
    if others:
        raise UsageError([f"--notify-test only calls the notifiers; leave out {', '.join(others)}."])
    tested = notifiers.call_each(host, given.cert_name)
    _print(report.notifier_lines(tested))
    return 0 if tested.ok else 1


def _renewals(given: argparse.Namespace, host: Host) -> int:
    from certbot_external_auth.rehearsal import figures, report
    from certbot_external_auth.rehearsal.findings import Level
    from certbot_external_auth.rehearsal.rehearsal import Wanted, rehearse

    file = None if given.metrics is None else figures.checked(given.metrics)
    now = datetime.datetime.now(datetime.timezone.utc)
    wanted = Wanted(given.cert_name, given.publish, given.served)
    found = rehearse(host, wanted, now)
    unwritten = list(figures.write(found, host, file, now.timestamp()))
    found = found.plus(unwritten)
    if given.json:
        documents.tell(report.document(found))
    else:
        _print(report.lines(found))
    return 1 if found.level is Level.PROBLEM or (file and unwritten) else 0


def _print(lines: Iterable[str]) -> None:
    documents.put(terminal_lines.for_stream("\n".join(lines), sys.stdout), "The report")
