"""Finds, before the order, every reason why a provider cannot be used."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import env_file
from certbot_external_auth.providers import registry, wording
from certbot_external_auth.providers.engine import Kind, Problem, Provider, missing

if TYPE_CHECKING:
    from certbot_external_auth.providers.dialect import Called

NEAREST = 3
"""How many similar names are shown."""


def sentences(called: Called) -> list[str]:
    """Say why the provider of these settings cannot be used; empty if it can, or if there is none."""
    if called.provider is None:
        return []
    engine, _, name = called.provider.partition(":")
    found = problems(engine, name, registry.settings_of(env_file.readable(called.env_file)))
    if called.env_file is not None and env_file.problem(called.env_file) is not None:
        # The variable may be in that file, about which there is a sentence already.
        found = [each for each in found if each.kind is not Kind.VARIABLE_MISSING]
    return [wording.sentence(called.provider, each) for each in found]


def problems(engine: str, name: str, settings: Mapping[str, str]) -> list[Problem]:
    """Return the reasons; empty if the provider can be used."""
    made = registry.engine(engine, settings)
    lacking = made.installed()
    if lacking is not None:
        facts: dict[str, str | tuple[str, ...]] = {
            "what": lacking.what,
            "commands": lacking.commands,
            "why": lacking.why,
        }
        return [Problem(Kind.ENGINE_MISSING, facts)]
    known = registry.provider(made, name)
    if known is None:
        return [_unknown(engine, name, {each.name: each for each in made.providers()}, settings)]
    if known.refused is not None:
        return [known.refused]
    lacking_variables = () if getattr(made, "finds_missing", False) else missing(known.variables, settings)
    absent = [
        Problem(Kind.VARIABLE_MISSING, {"name": one.name, "description": one.description}) for one in lacking_variables
    ]
    return [*absent, *made.problems(name)]


def _unknown(engine: str, name: str, known: Mapping[str, Provider], settings: Mapping[str, str]) -> Problem:
    if list(known) == [""]:
        return Problem(Kind.NAME_NOT_NEEDED, {"name": name})
    if not name:
        return Problem(Kind.NAME_MISSING)
    others = [f"{each}:{name}" for each in registry.names() if each != engine and _knows(each, name, settings)]
    near = difflib.get_close_matches(name, [each for each in known if each], n=NEAREST)
    return Problem(Kind.UNKNOWN_PROVIDER, {"name": name, "near": tuple(near), "others": tuple(others)})


def _knows(engine: str, name: str, settings: Mapping[str, str]) -> bool:
    """Tell whether another engine of this machine has a provider. Its own problems are not of interest."""
    try:
        made = registry.engine(engine, settings)
        found = registry.provider(made, name) if made.installed() is None else None
        return found is not None and found.refused is None
    except UsageError:
        return False
