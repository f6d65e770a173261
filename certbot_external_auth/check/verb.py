"""The verb `check`: calls a handler as a run would, without a CA, and says what to change in it."""

from __future__ import annotations

import argparse
import dataclasses
import tempfile

from certbot_external_auth import settings
from certbot_external_auth.check import certbot_flags

NOT_SHOWN = ("mode", "handler", "deploy-handler", "notify", "metrics", "verify", "verify-settle")
"""Options that the help leaves out, besides those of other modes: `check` has one mode, and always verifies."""
TIMEOUT_SECONDS = 30
"""How long a change may take to appear, unless --verify-timeout says otherwise. This is less than in a run, because a
person waits for the check."""
EXAMPLE = """\
example:
  certbot-external-auth check /etc/certbot/hook.sh --dialect dehydrated --domain example.org

Every flag is also accepted under its name in Certbot (--external-auth-dialect), and so are Certbot's own flags. So you
can copy a command line: write certbot-external-auth check in place of certbot. Of several names, the first is tried.
With --routes, each route is tried: with the first name that it is for, or with its own.
Exit code: 0 if the handler, or each route that was tried, can be used; 1 if not; 2 for wrong use; 128 plus the
signal's number if a signal ended the check.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a parser."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", nargs="?", metavar="HANDLER", help="path or command line of the handler")
    add = parser.add_argument
    for option in map(_as_here, settings.OPTIONS):
        if option.kind is not settings.Kind.ENDPOINTS:
            shown = "handler" in option.modes and option.name not in NOT_SHOWN
            names = (f"--{option.name}", f"--external-auth-{option.name}")
            add(*names, metavar=option.metavar, help=option.full_help if shown else argparse.SUPPRESS)
    certbot_flags.add_to(parser)
    add(
        "--domain",
        "--domains",
        "-d",
        "--ip-address",
        action="append",
        dest="domains",
        metavar="NAME",
        help="a domain of yours, required without --routes; the test values are published there",
    )
    add(
        "--not-empty",
        action="store_true",
        help="check although the TXT name has values, because no order needs them: as at acme-dns, which keeps two",
    )
    add("--type", metavar="TYPE", help="challenge type (default: the first one that the dialect supports)")
    add(
        "--nameserver",
        "--verify-nameservers",
        "--external-auth-verify-nameservers",
        action="append",
        dest="verify_nameservers",
        metavar="HOST[:PORT]",
        help="ask this server instead of the zone's own name servers; may be repeated",
    )
    add("--http-01-port", default="80", metavar="PORT", help="port that the CA asks for http-01 (default: 80)")
    add("--https-port", default="443", metavar="PORT", help="port that the CA asks for the TLS types (default: 443)")
    add(
        "--work-dir",
        metavar="DIRECTORY",
        help="Certbot's work directory, if your TLS server reads validation certificates from there (default: a "
        "temporary directory)",
    )
    add("--json", action="store_true", help="print one JSON object per line; the last one is the summary")


def _as_here(option: settings.Option) -> settings.Option:
    """Return an option with its default in a check."""
    here = option.name == "verify-timeout"
    return dataclasses.replace(option, default=float(TIMEOUT_SECONDS)) if here else option


def main(given: argparse.Namespace) -> int:
    """Try, and return the exit code.

    :raises UsageError: for wrong use.
    :raises NotPrintedError: if stdout did not take the whole report.
    """
    from certbot_external_auth.check import command_line, routed
    from certbot_external_auth.check.report import JsonReport, TextReport
    from certbot_external_auth.check.results import Summary
    from certbot_external_auth.console.documents import NotPrintedError
    from certbot_external_auth.signals.interruption import raising_interrupted

    with tempfile.TemporaryDirectory(prefix="certbot-external-auth-") as folder, raising_interrupted():
        report = JsonReport() if given.json else TextReport()
        outcome: routed.Outcome | Summary
        if given.routes is None:
            outcome = routed.tried(command_line.build(given, folder), report)
        else:
            outcome = routed.try_each(routed.build(given, folder), report)
    if report.lost:
        raise NotPrintedError(f"The report could not be printed: {report.lost}. The check itself ran to its end.")
    if outcome.interrupted is not None:
        import signal

        return 128 + signal.Signals[outcome.interrupted]
    return 0 if outcome.ok else 1
