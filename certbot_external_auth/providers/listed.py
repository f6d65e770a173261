"""The list of providers, as lines for a person and as a JSON document. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certbot_external_auth.providers import wording
from certbot_external_auth.providers.engine import Kind, Problem, Variable
from certbot_external_auth.providers.listing import Engine, Match, Row, State
from certbot_external_auth.text import counted, one_line

_STATES = {
    State.READY: "ready",
    State.VARIABLES_MISSING: "variables_missing",
    State.ENGINE_MISSING: "engine_missing",
    State.REFUSED: "refused",
}
_MOST_VARIABLES = 12
"""How many variables a line names. The document has all of them."""


def lines(
    engines: Sequence[Engine], found: Sequence[tuple[Match, Row]], best: Row | None, word: str, settings: Sequence[str]
) -> Iterator[str]:
    """Yield the lines for a person.

    :param settings: the flags by which this command was told where variables are.
    """
    yield "Engines:"
    for engine in engines:
        number = sum(row.engine is engine for _, row in found)
        yield f"  {engine.name}: {_engine(engine, number, word)}"
    yield ""
    for _, row in found:
        yield from _row(row)
    if found:
        yield ""
    yield from _advice(found, best, word, settings)


def _engine(engine: Engine, number: int, word: str) -> str:
    if engine.problem:
        return one_line(engine.problem)
    known = counted(number, "provider") + (f" like {word}" if word else "")
    if engine.lacking is None:
        return known
    reach = f", would reach {known}" if number else ""
    return f"not installed{reach}; {_install(engine)}"


def _install(engine: Engine) -> str:
    lacking = engine.lacking
    assert lacking is not None
    why = f" ({one_line(lacking.why)})" if lacking.why else ""
    return f"it needs {lacking.what}{why}; run: {' or '.join(lacking.commands)}"


def _row(row: Row) -> Iterator[str]:
    title = one_line(row.provider.title)
    named = f" ({title})" if title and title.lower() != row.provider.name.lower() else ""
    yield f"{row.value}{named}: {_state(row)}"
    variables = _variables(row.provider.variables)
    if variables:
        yield f"  {variables}"
    if row.provider.url:
        yield f"  {row.provider.url}"


def _state(row: Row) -> str:
    if row.provider.refused is not None:
        return f"not usable: {wording.end(row.value, row.provider.refused)}"
    if row.state is State.ENGINE_MISSING:
        return "its engine is not installed"
    return "usable here, and every variable is set" if row.state is State.READY else "usable here"


def _variables(variables: Sequence[Variable]) -> str:
    groups: dict[int, list[str]] = {}
    for one in variables:
        if one.group is not None:
            groups.setdefault(one.group, []).append(one.name)
    others = [one.name for one in variables if one.group is None]
    needed = ", or ".join(_all(names) for names in groups.values())
    shown = ", ".join(others[:_MOST_VARIABLES]) + (" …" if len(others) > _MOST_VARIABLES else "")
    optional = f"{'optional: ' if needed else 'may have: '}{shown}" if others else ""
    return "; ".join(filter(None, (f"needs {needed}" if needed else "", optional)))


def _all(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _advice(found: Sequence[tuple[Match, Row]], best: Row | None, word: str, settings: Sequence[str]) -> Iterator[str]:
    if best is not None:
        yield from _taken(best, settings)
    elif not word:
        yield "To find a provider in every engine, add its name: certbot-external-auth providers NAME"
    elif not found:
        yield f"No engine knows a provider like {one_line(word)}. To list all of them, leave out the name."
    elif all(row.state is State.REFUSED for _, row in found):
        yield "None of these can be used, as it says above. A handler of your own can publish there."
    else:
        yield "These are several providers. Name one of them."


def _taken(best: Row, settings: Sequence[str]) -> Iterator[str]:
    """Say which provider to take, and how to try it."""
    if best.engine.lacking is not None:
        yield f"Take {best.value}. First install its engine: {_install(best.engine)}"
        return
    names = "those of its variables that you need" if best.undecided else _all([one.name for one in best.lacking])
    yield f"Take {best.value}." + (f" Set {names} in a file of NAME=VALUE lines, mode 0600." if names else "")
    words = settings or (["--env-file", "FILE"] if best.provider.variables else [])
    command = ["certbot-external-auth", "check", "--provider", best.value, *words, "--domain", "NAME"]
    yield f"To try it without a certificate, run: {shlex.join(command)}"


def document(engines: Sequence[Engine], found: Sequence[tuple[Match, Row]], best: Row | None) -> Mapping[str, Any]:
    """Return the document for a program."""
    return {
        "engines": [_of_engine(each) for each in engines],
        "providers": [_of_row(row) for _, row in found],
        "take": None if best is None else best.value,
    }


def _of_engine(engine: Engine) -> Mapping[str, Any]:
    lacking = engine.lacking
    return {
        "name": engine.name,
        "installed": lacking is None and not engine.problem,
        "needs": None if lacking is None else lacking.what,
        "install": [] if lacking is None else list(lacking.commands),
        "reason": engine.problem or ("" if lacking is None else lacking.why),
    }


def _of_row(row: Row) -> Mapping[str, Any]:
    provider, refused = row.provider, row.provider.refused
    return {
        "provider": row.value,
        "engine": row.engine.name,
        "name": provider.name,
        "title": provider.title,
        "url": provider.url,
        "state": _STATES[row.state],
        "reason": "" if refused is None else wording.end(row.value, refused),
        "instead": _instead(refused),
        "variables": [
            {"name": one.name, "description": one.description, "group": one.group} for one in provider.variables
        ],
        "missing": [one.name for one in row.lacking],
    }


def _instead(refused: Problem | None) -> list[str]:
    named = () if refused is None or refused.kind is not Kind.REFUSED else refused.facts.get("instead", ())
    return [named] if isinstance(named, str) and named else list(named)
