"""Writes what a rehearsal has found among the figures for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from certbot_external_auth.metrics import writer
from certbot_external_auth.metrics.state import Change
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, Outcome
from certbot_external_auth.rehearsal.rehearsal import Report
from certbot_external_auth.rehearsal.subject import Host
from certbot_external_auth.run import recorded

_NOT_REHEARSED = (Kind.BY_DRIVER, Kind.BY_HAND)


def checked(file: str) -> str:
    """Return a file of the command line as an absolute path.

    :raises UsageError: if no figures can be written there.
    """
    path = os.path.abspath(file)
    recorded.check(path, "--metrics")
    return path


def write(report: Report, host: Host, file: str | None, now: float) -> Iterator[Finding]:
    """Write the figures of all certificates, and yield what could not be written.

    :param file: of the command line; None for those that the certificates name.
    :param now: in seconds since 1970.
    """
    noted = changes(report, host, now)
    for path in [file] if file is not None else sorted(report.metrics):
        try:
            writer.write(host.work_dir, path, noted)
        except OSError as error:
            text = f"{error.filename or path}: {error.strerror or error}."
            yield Finding(Kind.METRICS, {"text": text})


def changes(report: Report, host: Host, now: float) -> Sequence[Change]:
    """Return what is new about each certificate, also about those that name no file. A pure function."""
    all_fail = any(finding.level is Level.PROBLEM for finding in report.host)
    return [Change(one.lineage, host.config_dir, _values(one, report, all_fail, now)) for one in report.outcomes]


def _values(one: Outcome, report: Report, all_fail: bool, now: float) -> dict[str, Any]:
    works = one.level is not Level.PROBLEM and not all_fail
    if works and any(finding.kind in _NOT_REHEARSED for finding in one.findings):
        return {"rehearsal": None, "rehearsed": None}
    known = one.lineage in report.record_ends
    ends = {"persist_until": report.record_ends[one.lineage]} if known else {}
    return {"rehearsal": now, "rehearsed": works, **ends}
