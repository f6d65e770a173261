"""Which options of a renewal file the command line takes the place of. Pure."""

from __future__ import annotations

from collections.abc import Collection

from certbot_external_auth.configuration.resolution import Raw
from certbot_external_auth.routes.keys import OF_A_ROUTE
from certbot_external_auth.settings import OPTIONS, Option


def superseded(raw: Raw, typed: Collection[str]) -> tuple[str, ...]:
    """Return the options of a renewal file to drop, because they contradict the command line at every renewal.

    No flag removes an option. Options that only another mode uses are kept: the next command may choose that mode.

    :param typed: names of the options on the command line.
    """
    has_config = "dehydrated-config" in typed
    replaced = _replaced(typed)
    dialect = raw.get("dialect") if "dialect" in typed else "dehydrated" if has_config else None
    return tuple(
        option.name
        for option in OPTIONS
        if _kept(option, raw, typed)
        and (
            option.name in replaced
            or (has_config and option.in_dehydrated_config)
            or (dialect is not None and option.only_dialect not in (None, dialect))
        )
    )


def _replaced(typed: Collection[str]) -> Collection[str]:
    """Return the options that the publisher on the command line takes the place of."""
    of_handler = {option.name for option in OPTIONS if option.of_handler}
    if "routes" in typed:
        return {"mode", *OF_A_ROUTE}
    if "provider" in typed:
        return {*of_handler, "routes"}
    return {"provider", "routes"} if {"handler", "dehydrated-config"}.intersection(typed) else ()


def _kept(option: Option, raw: Raw, typed: Collection[str]) -> bool:
    """Tell whether an option has its value from the renewal file."""
    return option.name not in typed and raw.get(option.name) is not None
