"""Turns the sections of a file of routes into settings, and into the `Context` of each route."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence

from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import PERSISTENT, TYPES, tlssni01
from certbot_external_auth.configuration import assembly
from certbot_external_auth.configuration.certbot_config import absolute_path
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.routes import file, ini
from certbot_external_auth.routes.ini import Section
from certbot_external_auth.routes.keys import CHALLENGE, OPTIONS, SHARED
from certbot_external_auth.routes.problem import Kind, Problem, RoutesError
from certbot_external_auth.routes.table import Routes
from certbot_external_auth.routes.wording import place
from certbot_external_auth.settings import Settings
from certbot_external_auth.text import say_once

logger = logging.getLogger(__name__)


def read(path: str) -> Routes:
    """Read a file of routes, and check every value in it.

    :raises RoutesError: with everything that is wrong in it.
    """
    sections, problems, warnings = file.read(path)
    for warning in warnings:
        say_once(logger, warning)
    for one in sections:
        problems += [*_value_problems(one), *_type_problems(one)]
    if problems:
        raise RoutesError(path, problems)
    return Routes(path, sections)


def _value_problems(section: Section) -> list[Problem]:
    """Return what is wrong with the values of flags, each by itself, or else with one beside another."""
    found = []
    for key, value in section.values.items():
        if key in OPTIONS and value.text:
            # Another mode than handler asks for no other option.
            found += _wrong(value.line, {"mode": "manual", key: value.text})
    whole = ini.publishers(section) == 1 and all(value.text for value in section.values.values())
    return found or (_wrong(section.line, _options(section)) if whole else [])


def _wrong(line: int, values: Mapping[str, str]) -> list[Problem]:
    try:
        assembly.settings_of(values, named=str)
    except UsageError as error:
        return [Problem(Kind.WRONG, line, {"text": text}) for text in error.problems]
    return []


def _type_problems(section: Section) -> list[Problem]:
    unknown = [name for name in section.types if name not in TYPES]
    return [
        Problem(
            Kind.UNKNOWN_TYPE,
            section.values[CHALLENGE].line,
            {"text": name, "more": "".join(difflib.get_close_matches(name.lower(), TYPES, n=1))},
        )
        for name in unknown
    ]


def _options(section: Section) -> dict[str, str]:
    return {key: value.text for key, value in section.values.items() if key in OPTIONS}


class _Origin:
    """A section as an `assembly.Origin`. Its relative paths begin in the folder of the file."""

    named_types: tuple[str, ...] = ()

    def __init__(self, routes: Routes, section: Section) -> None:
        self._routes = routes
        self._section = section
        self._folder = os.path.dirname(routes.path)

    def values(self) -> Mapping[str, str]:
        return _options(self._section)

    def words(self, option: str, text: str) -> tuple[str, ...]:
        with self._at(option):
            return tuple(command_line.resolve_typed(text, option, self._folder, os.environ.get("PATH")))

    def path(self, option: str, text: str) -> str:
        with self._at(option):
            return absolute_path(os.path.join(self._folder, os.path.expanduser(text)), option)

    @contextlib.contextmanager
    def _at(self, option: str) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            line = self._section.values[option].line
            problems = [Problem(Kind.WRONG, line, {"text": text}) for text in error.problems]
            raise RoutesError(self._routes.path, problems) from None


def settings_of(section: Section, whole: Settings) -> Settings:
    """Return the settings of a route whose values are checked. Flags say what the route leaves out.

    :param whole: the settings of the run.
    """
    checked = assembly.settings_of(_options(section), named=str)
    fields = {key: key.replace("-", "_") for key in SHARED if key not in section.values}
    return dataclasses.replace(checked, **{name: getattr(whole, name) for name in fields.values()})


def context_of(routes: Routes, section: Section, whole: Context, nameservers: tuple[Endpoint, ...]) -> Context:
    """Assemble the `Context` of a route.

    :param whole: that of the run.
    :param nameservers: which servers are asked about its names.
    :raises RoutesError: if a command line or a path cannot be used.
    """
    handler = assembly.handler_of(settings_of(section, whole.settings), _Origin(routes, section))
    for warning in handler.settings.warnings:
        say_once(logger, f"{place(routes.path, section.line)}: {warning}")
    about = dataclasses.replace(
        whole.facts,
        cleanup_words=handler.cleanup_words,
        challenge_type=next(iter(section.types), whole.facts.challenge_type),
    )
    return dataclasses.replace(
        whole,
        settings=dataclasses.replace(handler.settings, verify_nameservers=nameservers),
        words=handler.words,
        facts=assembly.facts_of(about, handler.settings),
        preferred=_preferred(section, whole.preferred),
    )


def _preferred(section: Section, preferred: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types that are named for a route."""
    if section.types and preferred:
        return tuple(name for name in preferred if name in section.types)
    # Some types are never used unless they are named.
    return section.types if {tlssni01.TYPE, PERSISTENT} & set(section.types) else preferred


def unusable(section: Section, problems: Sequence[str]) -> list[Problem]:
    """Return problems about what a route names."""
    return [Problem(Kind.UNUSABLE, section.line, {"section": section.name, "text": text}) for text in problems]


def types_of(section: Section, carried: Sequence[str]) -> tuple[str, ...]:
    """Return the challenge types of a route, in its own order.

    :param carried: what its publisher can carry out.
    """
    return tuple(name for name in section.types or carried if name in (*carried, PERSISTENT))


def type_problems(section: Section, carried: Sequence[str], preferred: Sequence[str], who: str) -> list[Problem]:
    """Return why challenge types of a route cannot be used.

    :param carried: what its publisher can carry out.
    :param preferred: what ``--preferred-challenges`` names.
    :param who: names the publisher.
    """
    line = section.values[CHALLENGE].line if section.types else section.line
    found = [
        Problem(Kind.NOT_CARRIED, line, {"text": name, "who": who, "more": ", ".join(carried)})
        for name in section.types
        # A record that stands needs nobody to publish it.
        if name not in (*carried, PERSISTENT)
    ]
    if section.types and preferred and not set(preferred) & set(section.types):
        facts = {"text": ", ".join(section.types), "more": ",".join(preferred)}
        found.append(Problem(Kind.NOT_PREFERRED, line, facts))
    return found
