"""Tries the routes of a file, one after the other, each with one name."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import PERSISTENT, dns01
from certbot_external_auth.check import command_line, permitted
from certbot_external_auth.check.command_line import Flags, Setting
from certbot_external_auth.check.report import Report
from certbot_external_auth.check.results import Level, Summary
from certbot_external_auth.check.trial import Trial
from certbot_external_auth.configuration import assembly, routing
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import run_as
from certbot_external_auth.providers.dialect import dialect_of
from certbot_external_auth.routes.ini import REST, Section
from certbot_external_auth.routes.problem import Kind, Problem, RoutesError
from certbot_external_auth.routes.table import Routes
from certbot_external_auth.run.choices import Choice, Choices


@dataclass(frozen=True)
class Routed:
    """One route.

    :ivar setting: what is tried with it; None if no name is known that it is for.
    """

    section: Section
    setting: Setting | None = None


@dataclass(frozen=True)
class Outcome:
    """What all routes came to. :ivar interrupted: name of the signal that ended the check, None if none did."""

    ok: bool
    interrupted: str | None


def try_each(routes: Sequence[Routed], report: Report) -> Outcome:
    """Try each route. A signal ends all.

    :raises UsageError: at the end, if a name is in use.
    """
    results: dict[str, Level] = {one.section.name: Level.SKIPPED for one in routes}
    in_use: list[str] = []
    interrupted = None
    for one in routes:
        if one.setting is None or interrupted is not None:
            continue
        name = one.section.name
        report.route(name, one.section.line)
        try:
            summary = tried(one.setting, report)
        except UsageError as error:
            in_use += error.problems
            results[name] = Level.FAILED
            continue
        failed = not summary.ok or results[name] is Level.FAILED
        results[name] = Level.FAILED if failed else Level.PASSED
        interrupted = summary.interrupted
    report.routes(results, interrupted)
    if in_use:
        raise UsageError(in_use)
    return Outcome(Level.FAILED not in results.values(), interrupted)


def tried(setting: Setting, report: Report) -> Summary:
    """Try one handler or provider."""
    report.begin(setting)
    summary = permitted.added(Trial(setting, report).run(), setting, report)
    report.end(summary)
    return summary


def build(arguments: argparse.Namespace, folder: str) -> list[Routed]:
    """Return the routes in the order of the file. Without names, a section is tried with its own.

    :param folder: used in place of Certbot's folders.
    :raises UsageError: with everything that is wrong with the file.
    """
    assembly.require("dns.message", "dnspython")
    assembly.require("zope.interface", "zope.interface")
    flags = Flags(arguments)
    handler = assembly.handler_of(assembly.settings_of(flags.values()), flags)
    whole = command_line.context_of(arguments, handler, folder)
    routes = routing.read(str(handler.settings.routes))
    return _Builder(arguments, routes, whole).build()


class _Builder:
    def __init__(self, arguments: argparse.Namespace, routes: Routes, whole: Context) -> None:
        self._arguments = arguments
        self._routes = routes
        self._whole = whole
        self._choices = Choices(routes, whole)

    def build(self) -> list[Routed]:
        names = self._names()
        self._choices.choose(names)
        lost = self._choices.lost(names)
        problems = [Problem(Kind.NO_ROUTE, 0, {"text": ", ".join(lost)})] if lost else []
        found: list[Routed] = []
        for choice, of_route in self._choices.grouped(names):
            try:
                found.append(Routed(choice.section, self._setting(choice, of_route)))
            except RoutesError as error:
                problems += error.found
            except UsageError as error:
                problems += routing.unusable(choice.section, error.problems)
        if problems:
            raise RoutesError(self._routes.path, problems)
        tried = {one.section.name for one in found}
        untried = [Routed(one) for one in self._routes.sections if one.name not in tried]
        return sorted([*found, *untried], key=lambda one: one.section.line)

    def _names(self) -> Sequence[str]:
        if self._arguments.domains:
            return command_line.names_of(self._arguments.domains)
        return [one.name for one in self._routes.sections if one.name != REST]

    def _setting(self, choice: Choice, names: Sequence[str]) -> Setting:
        """:raises UsageError: if nothing can be tried with this route."""
        section = choice.section
        context = routing.context_of(self._routes, section, self._whole, choice.nameservers)
        settings = context.settings
        if settings.dialect == "certbot" and settings.cleanup_handler is None:
            raise UsageError(["Without cleanup-handler, the test values would stay published."])
        carried = run_as.carried(dialect_of(settings).challenge_types, settings.run_as)
        wrong = routing.type_problems(section, carried, self._whole.preferred, settings.carrier)
        if wrong:
            raise RoutesError(self._routes.path, wrong)
        offered = [dns01.TYPE] if choice.delegated else routing.types_of(section, carried)
        offered = [name for name in offered if name != PERSISTENT]
        if not offered:
            raise UsageError([f"The check cannot try {PERSISTENT}: certbot-external-auth persist --look does that."])
        who = f"the route [{section.name}]"
        kind = command_line.chosen_type(self._arguments, self._whole.preferred, offered, who, names)
        return command_line.setting_of(self._arguments, context, kind, tuple(names))
