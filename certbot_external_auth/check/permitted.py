"""Add to a trial what in DNS keeps the CA from issuing. The handler is not at fault then, and can still be used."""

from __future__ import annotations

import dataclasses

from certbot_external_auth.backends import surroundings
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check import steps
from certbot_external_auth.check.advice import Advice, Kind
from certbot_external_auth.check.command_line import Setting
from certbot_external_auth.check.report import Report
from certbot_external_auth.check.results import Level, Result, Summary
from certbot_external_auth.permission.examine import examine
from certbot_external_auth.signals.interruption import Interrupted
from certbot_external_auth.visibility.observer import Observer


def added(summary: Summary, setting: Setting, report: Report) -> Summary:
    """Report one more step if anything is found, as a warning. A signal ends the search."""
    if summary.interrupted is not None:
        return summary
    try:
        found = examine(setting.names, Observer(surroundings(setting.context)).dns, setting.request)
    except Interrupted as signal:
        return dataclasses.replace(summary, interrupted=str(signal))
    if not found.findings:
        return summary
    about = Challenge("", setting.challenge_type, setting.identifier, setting.identifier_type, "", "")
    advice = tuple(Advice(Kind.FIX, about, detail=fix) for fix in found.fixes)
    result = Result(steps.PERMISSION, Level.WARNING, findings=found.seen, advice=advice)
    report.step(result)
    return dataclasses.replace(summary, results=(*summary.results, result))
