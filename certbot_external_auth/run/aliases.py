"""Finds out which TXT names are aliases, before anything is published. Never fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence

from certbot import errors

from certbot_external_auth.challenges import guard
from certbot_external_auth.settings import OFF
from certbot_external_auth.text import quoted
from certbot_external_auth.visibility import explain
from certbot_external_auth.visibility.observer import Observer

logger = logging.getLogger(__name__)

SECONDS = 3.0
"""How long the plugin may follow aliases before it publishes anything."""
SECONDS_IF_OFF = 1.0
"""The same with --external-auth-verify off, because the name servers may be out of reach then."""


def ends(
    observer: Observer,
    names: Sequence[str],
    verify: str,
    unsaid: Callable[[Collection[str]], None] | None = None,
) -> dict[str, tuple[str, str]]:
    """Return the end of each alias, and the zone of the end; it is empty if it is not known.

    :param verify: the value of the option.
    :param unsaid: takes the names of which it is not known whether they are aliases.
    """
    targets = _followed(observer, names, SECONDS_IF_OFF if verify == OFF else SECONDS, unsaid)
    for name, (target, zone) in list(targets.items()):
        if guard.alias_ends(target, zone):
            logger.info("%s is an alias of %s%s.", name, target, f" in the zone {zone}" if zone else "")
            continue
        del targets[name]
        logger.warning(
            "%s is an alias of %s in the zone %s. That is not a valid name, so the plugin does not pass it on, and "
            "publishes at %s.",
            name,
            quoted(target),
            quoted(zone),
            name,
        )
    return targets


def _followed(
    observer: Observer, names: Sequence[str], limit: float, unsaid: Callable[[Collection[str]], None] | None
) -> dict[str, tuple[str, str]]:
    try:
        more = () if unsaid is None else (unsaid,)
        return observer.follow(names, time.monotonic() + limit, *more)
    except errors.SignalExit:
        raise
    except Exception as error:
        logger.debug("Following aliases failed.", exc_info=True)
        logger.warning("The plugin could not find out which TXT names are aliases: %s", explain.described(error))
        return {}
