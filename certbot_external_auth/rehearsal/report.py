"""Writes what a rehearsal has found: a line for each certificate, or a JSON document. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.lineages import change
from certbot_external_auth.rehearsal.findings import Finding, Level, Outcome
from certbot_external_auth.rehearsal.notifiers import Tested, broken
from certbot_external_auth.rehearsal.rehearsal import Report
from certbot_external_auth.rehearsal.wording import sentence
from certbot_external_auth.text import counted, one_line, printable

MARKS = {None: "ok", Level.NOTE: "ok", Level.WARNING: "warn", Level.PROBLEM: "FAIL"}


def lines(report: Report) -> Iterator[str]:
    """Yield the lines for a person."""
    # The name is that of a file, which may be anything.
    shown = {one.lineage: one_line(printable(one.lineage)) for one in report.outcomes}
    width = max(map(len, shown.values()), default=0)
    order = [None, *Level]
    # The worst ones come last, where a terminal shows them.
    for one in sorted(report.outcomes, key=lambda one: order.index(one.level)):
        ends = f"ends {one.not_after[:10]}" if one.not_after else "cannot be read"
        yield f"{MARKS[one.level]:4}  {shown[one.lineage]:{width}}  {ends}"
        yield from _listed(one.findings)
    if report.host:
        yield "All certificates:"
        yield from _listed(report.host)
    yield _conclusion(report)


def _listed(findings: Sequence[Finding]) -> Iterator[str]:
    order = list(Level)
    for finding in sorted(findings, key=lambda one: -order.index(one.level)):
        yield f"      {finding.level.value}: {sentence(finding)}"


def _conclusion(report: Report) -> str:
    if not report.outcomes:
        return "No renewal file names this plugin."
    failing = sum(one.level is Level.PROBLEM for one in report.outcomes)
    everywhere = any(one.level is Level.PROBLEM for one in report.host)
    if everywhere or failing == len(report.outcomes):
        return f"No renewal would succeed ({counted(len(report.outcomes), 'certificate')})."
    if failing:
        return f"{failing} of {counted(len(report.outcomes), 'renewal')} would fail."
    return f"{counted(len(report.outcomes), 'renewal')}: nothing stands in the way."


def notifier_lines(tested: Tested) -> Iterator[str]:
    """Yield what became of the notifiers, for a person."""
    for one in tested.called:
        yield f"{'ok' if one.ended.ok else 'FAIL':4}  {command_line.named(one.words)}: {one.ended}"
        yield f"      of: {', '.join(one.lineages)}"
        yield from (f"      printed: {line}" for line in one.ended.tail)
    for outcome in tested.unready:
        yield f"{'FAIL' if broken(outcome) else 'warn'}  {outcome.lineage}"
        yield from (f"      {sentence(finding)}" for finding in outcome.findings)
    if tested.without:
        yield f"Without a notifier: {', '.join(tested.without)}"
    yield _about_notifiers(tested)


def _about_notifiers(tested: Tested) -> str:
    if tested.ok:
        return f"{counted(len(tested.called), 'notifier')} called. Check that the test has arrived."
    if not tested.called and not tested.unready:
        adding = change.command("NAME", ["--external-auth-notify", "COMMAND"], "INSTALLER")
        return f"No certificate has a notifier. To add one: {adding}"
    return "Not every notifier works. If a renewal fails, you may not hear of it."


def document(report: Report) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "ok": report.level is not Level.PROBLEM,
        "host": [_object(one) for one in report.host],
        "certificates": [_certificate(one) for one in report.outcomes],
    }


def _certificate(one: Outcome) -> dict[str, Any]:
    return {
        "lineage": one.lineage,
        "names": list(one.names),
        "not_after": one.not_after or None,
        "ok": one.level is not Level.PROBLEM,
        "findings": [_object(finding) for finding in one.findings],
    }


def _object(finding: Finding) -> dict[str, str]:
    return {"level": finding.level.value, "code": finding.kind.code, "message": sentence(finding)}
