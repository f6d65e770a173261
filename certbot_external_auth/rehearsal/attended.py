"""What attends the renewals of a certificate, as its renewal file keeps it: the notifier, and the file for figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from certbot_external_auth.configuration.kept_options import Kept
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import trust
from certbot_external_auth.rehearsal.findings import Finding, Kind
from certbot_external_auth.rehearsal.subject import KeptOrigin
from certbot_external_auth.run import recorded, watched

NOTIFY_FLAG, METRICS_FLAG = "--external-auth-notify", "--external-auth-metrics"


@dataclass(frozen=True)
class Attendance:
    """What attends one certificate.

    :ivar notifier: its command line; empty if there is none that can be called.
    :ivar metrics: the file for figures; empty if there is none that can be written.
    """

    notifier: tuple[str, ...] = ()
    metrics: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass
class Attendances:
    """Those of a host. Each command line and each file is examined once."""

    _examined: dict[tuple[str, str], Attendance] = field(default_factory=dict)

    def of(self, kept: Kept) -> Attendance:
        """Examine what a certificate keeps.

        :raises UsageError: if the renewal file has a value that no option takes.
        """
        origin = KeptOrigin(kept)
        by_option = {watched.OPTION: _notifier, recorded.OPTION: _metrics}
        notifier, metrics = (self._once(origin, option, make) for option, make in by_option.items())
        if metrics.metrics and not _owned(kept.path):
            text = f"The renewal file {kept.path}, which names {metrics.metrics}, belongs to another user."
            metrics = Attendance(findings=(Finding(Kind.METRICS, {"text": text}),))
        return Attendance(notifier.notifier, metrics.metrics, (*notifier.findings, *metrics.findings))

    def _once(self, origin: KeptOrigin, option: str, make: Callable[[KeptOrigin, str], Attendance]) -> Attendance:
        text = origin.values().get(option)
        if text is None:
            return Attendance()
        key = option, str(text)
        if key not in self._examined:
            self._examined[key] = make(origin, str(text))
        return self._examined[key]


def _notifier(origin: KeptOrigin, text: str) -> Attendance:
    try:
        words = origin.words(watched.OPTION, text)
        found = watched.examined(words, NOTIFY_FLAG)
    except UsageError as error:
        found = trust.Findings(problems=list(error.problems))
        words = ()
    problems = [Finding(Kind.NOTIFIER, {"text": problem}) for problem in found.problems]
    doubts = [Finding(Kind.NOTIFIER_DOUBT, {"text": warning}) for warning in found.warnings]
    return Attendance(() if problems else words, findings=(*problems, *doubts))


def _metrics(origin: KeptOrigin, text: str) -> Attendance:
    try:
        path = origin.path(recorded.OPTION, text)
        recorded.check(path, METRICS_FLAG)
    except UsageError as error:
        return Attendance(findings=tuple(Finding(Kind.METRICS, {"text": problem}) for problem in error.problems))
    return Attendance(metrics=path)


def _owned(path: str) -> bool:
    """Tell whether no other user has written a file: a rehearsal by root replaces the file that it names."""
    try:
        return os.stat(path).st_uid in (0, *trust.trusted_ids())
    except OSError:
        return False
