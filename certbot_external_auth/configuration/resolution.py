"""Checks the options that were given, and turns them into settings. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from certbot_external_auth.errors import UsageError
from certbot_external_auth.routes.keys import OF_A_ROUTE
from certbot_external_auth.settings import (
    HISTORIC_NAME,
    HISTORIC_OPTIONS,
    MAX_SECONDS,
    MODES,
    NAME,
    OPTIONS,
    PROVIDER,
    PUBLISHERS,
    Kind,
    Option,
    Settings,
)

DNS_PORT = 53
Raw = Mapping[str, "str | bool | None"]
"""By option name without prefix, the value that was given; None or missing if there is none."""

_NOTHING_REMOVED = (
    "What the handler publishes stays there: without --external-auth-cleanup-handler, the script of "
    "--manual-cleanup-hook, the dialect certbot removes nothing."
)


_PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def flag(option: str) -> str:
    """Return an option's flag."""
    return f"--{NAME}-{option}"


def resolve(
    raw: Raw,
    extra_modes: Iterable[str] = (),
    extra_dialects: Iterable[str] = (),
    extra_engines: Iterable[str] = (),
    named: Callable[[str], str] = flag,
) -> Settings:
    """Check the options of `external-auth`.

    :param extra_modes: names of backends registered by other packages.
    :param extra_dialects: names of dialects registered by other packages.
    :param extra_engines: names of engines registered by other packages.
    :param named: returns what sentences call an option.
    :raises UsageError: with one sentence for every wrong option.
    """
    extra = {"mode": tuple(extra_modes), "dialect": tuple(extra_dialects), "provider": tuple(extra_engines)}
    defaults = {"mode": mode_of({**raw, "mode": None}), "dialect": _dialect_of({**raw, "dialect": None})}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for option in OPTIONS:
        values[option.name] = defaults.get(option.name, option.default)
        given = raw.get(option.name)
        if given is not None:
            try:
                values[option.name] = _value(option, str(given), extra.get(option.name, ()))
            except _ValueProblemError as error:
                problems.append(f"{named(option.name)}{error}")
    if values["mode"] == "handler":
        problems += _publisher_problems(raw, values, named)
    if problems:
        raise UsageError(problems)
    fields = {option.name.replace("-", "_"): values[option.name] for option in OPTIONS if option.kept}
    fields["timeout"] = fields["timeout"] or None
    if fields["provider"] is not None:
        fields["dialect"] = PROVIDER
    return Settings(**fields, warnings=_warnings(raw, values))


def _publisher_problems(raw: Raw, values: Mapping[str, Any], named: Callable[[str], str]) -> list[str]:
    """Return what is wrong with the options of a publisher, one with another."""
    if raw.get("routes") is not None:
        return _beside_routes(raw)
    return _handler_problems(values, named) if raw.get("provider") is None else _provider_problems(raw, named)


def _handler_problems(values: Mapping[str, Any], named: Callable[[str], str]) -> list[str]:
    """Return what is wrong with a handler's options, one with another."""
    if values["handler"] is None and values["dehydrated-config"] is None:
        return ["--external-auth-mode handler needs --external-auth-handler with the path of your script."]
    dialect = values["dialect"]
    return [
        f"{named(option.name)} works only with the dialect {option.only_dialect}, not {dialect}; remove it, or choose "
        f"{named('dialect')} {option.only_dialect}."
        for option in OPTIONS
        if option.only_dialect not in (None, dialect) and values[option.name] != option.default
    ]


def _provider_problems(raw: Raw, named: Callable[[str], str]) -> list[str]:
    """Return one sentence for each option that is about a handler, which a provider takes the place of."""
    return [
        f"{named('provider')} and {named(option.name)} contradict each other; remove one of them."
        for option in OPTIONS
        if option.of_handler and raw.get(option.name) is not None
    ]


def _beside_routes(raw: Raw) -> list[str]:
    """Return one sentence for each option that names a publisher, since each route has its own."""
    return [
        f"{flag('routes')} and {flag(option.name)} contradict each other; remove one of them, or write {option.name} "
        "into a section of the file."
        for option in OPTIONS
        if option.name in OF_A_ROUTE
        and raw.get(option.name) is not None
        and not (option.deploys and raw.get("deploy-handler") is not None)
    ]


def _warnings(raw: Raw, values: Mapping[str, Any]) -> tuple[str, ...]:
    mode = values["mode"]
    unused = [
        flag(option.name)
        for option in OPTIONS
        if mode in MODES
        and mode not in option.modes
        and raw.get(option.name) is not None
        and not (option.deploys and values["deploy-handler"] is not None)
    ]
    warnings = [f"The mode is {mode}, which does not use {', '.join(unused)}."] if unused else []
    if mode == "handler" and values["dialect"] == "certbot" and values["cleanup-handler"] is None:
        warnings.append(_NOTHING_REMOVED)
    return tuple(warnings)


def resolve_historic(raw: Raw) -> Settings:
    """Check the options of `certbot-external-auth:out`, whose default is JSON lines of protocol 0.

    :raises UsageError: if the switches contradict each other.
    """
    given = raw.get("handler")
    handler = None if given is None else str(given)
    dehydrated = raw.get("dehydrated-dns") is True
    flags = {option.name: f"--{HISTORIC_NAME}-{option.name}" for option in HISTORIC_OPTIONS}
    problems = []
    if handler is not None and not handler.strip():
        problems.append(f"{flags['handler']} is empty; give the path of your script.")
    if dehydrated and handler is None:
        problems.append(f"{flags['dehydrated-dns']} needs {flags['handler']}.")
    if raw.get("text-mode") is True and handler is not None:
        problems.append(f"{flags['text-mode']} and {flags['handler']} contradict each other; keep one.")
    problems += [
        f"{flags[option.name]}: {raw[option.name]!r} in the renewal file is not accepted; use True or False."
        for option in HISTORIC_OPTIONS
        if option.historic_switch and raw.get(option.name) not in (None, True, False)
    ]
    if problems:
        raise UsageError(problems)
    return Settings(
        mode=mode_of_historic(raw),
        handler=handler,
        dialect="dehydrated" if dehydrated else "native",
        # The plugin of 2016-2020 had no flag to correct or switch off the check.
        verify="off",
        protocol=0,
        historic=True,
    )


def mode_of(raw: Raw) -> str:
    """Return the mode that options of `external-auth` choose; not checked."""
    given = any(raw.get(option) is not None for option in PUBLISHERS)
    return str(raw.get("mode") or ("handler" if given else "manual"))


def mode_of_historic(raw: Raw) -> str:
    """Return the mode that options of `certbot-external-auth:out` choose; not checked."""
    if raw.get("handler") is not None:
        return "handler"
    return "manual" if raw.get("text-mode") is True else "json"


def _dialect_of(raw: Raw) -> str:
    return str(raw.get("dialect") or ("native" if raw.get("dehydrated-config") is None else "dehydrated"))


# --- values ---


class _ValueProblemError(Exception):
    """A value that is not accepted. The text follows the flag in the message."""


def kept_text(option: Option, value: object) -> str:
    """Return the text of an option from a renewal file, in which a comma outside quotation marks makes a list.

    :raises UsageError: for a list if the option cannot be one, since the blanks around its commas are lost.
    """
    if not isinstance(value, list):
        return str(value)
    if option.kind is not Kind.ENDPOINTS:
        name = HISTORIC_NAME if option in HISTORIC_OPTIONS else NAME
        key = f"{name}_{option.name}".replace("-", "_")
        # Certbot shows this within a sentence that names the file, and ends that with a full stop.
        raise UsageError([f"{key}: Certbot splits a value with a comma; put the value between quotation marks"])
    return ",".join(map(str, value))


def _value(option: Option, text: str, extra: tuple[str, ...]) -> Any:
    if option.kind is Kind.WORD:
        return _word(text, (*option.accepted, *extra))
    if option.kind is Kind.YES_NO:
        return _word(text, ("yes", "no")) == "yes"
    if option.kind is Kind.NUMBER:
        return _number(text, option.least, "a whole number")
    if option.kind is Kind.SECONDS:
        return float(_number(text, option.least, "a whole number of seconds"))
    if option.kind is Kind.ENDPOINTS:
        return _endpoints(text)
    if option.kind is Kind.PROVIDER:
        return _provider(text, (*option.accepted, *extra))
    if option.kind is Kind.COMMAND_LINE and not text.strip():
        raise _ValueProblemError(" is empty; give the path of your script.")
    return text


def _word(text: str, accepted: tuple[Any, ...]) -> Any:
    by_text = {str(value): value for value in accepted}
    if text in by_text:
        return by_text[text]
    import difflib

    close = difflib.get_close_matches(text.lower(), by_text, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else "."
    raise _ValueProblemError(f": {text!r} is not known; accepted: {', '.join(by_text)}{hint}")


def _provider(text: str, engines: tuple[str, ...]) -> str:
    engine, colon, name = text.partition(":")
    if not engine or (colon and not _PROVIDER_NAME.fullmatch(name)):
        raise _ValueProblemError(f": {text!r} is not ENGINE:NAME; write an engine, a colon and the name of a provider.")
    _word(engine, engines)
    return text


def _number(text: str, least: int, what: str) -> int:
    # int() alone reads the digits of every script, and blanks and underscores among them.
    number = int(text[:20]) if text.isascii() and text.isdigit() else -1
    if least <= number <= MAX_SECONDS:
        return number
    digits = "".join(character for character in text if character.isdigit())
    hint = f"; did you mean {digits}?" if digits and digits != text else "."
    raise _ValueProblemError(f": {text!r} is not accepted; give {what}, {least} or more{hint}")


def _endpoints(text: str) -> Any:
    from certbot_external_auth.endpoint import EndpointError, parse_list

    try:
        return parse_list(text, DNS_PORT)
    except EndpointError as error:
        raise _ValueProblemError(f": {error}; separate several by commas.") from None
