"""Finds where the records of a batch belong, as far as the publisher is told that. Never fails."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence
from typing import Protocol

from certbot import errors

from certbot_external_auth.challenges import Challenge, guard
from certbot_external_auth.run.verification import Verification
from certbot_external_auth.visibility import explain
from certbot_external_auth.visibility.observer import Observer

logger = logging.getLogger(__name__)

SECONDS = 5.0
"""For the zones of all records."""


class Told(Protocol):
    """What a publisher is told; see `BackendAbilities`."""

    @property
    def told_aliases(self) -> bool: ...

    @property
    def told_zones(self) -> bool: ...


def placed(challenges: Sequence[Challenge], told: Told, verification: Verification) -> Sequence[Challenge]:
    """Return the batch with the ends of aliases, and with the zone and the name servers of each record."""
    if told.told_aliases:
        challenges = verification.aliased(challenges)
    return _with_zones(challenges, verification.observer) if told.told_zones else challenges


def _with_zones(challenges: Sequence[Challenge], observer: Observer) -> list[Challenge]:
    names = list(dict.fromkeys(one.txt_domain for one in challenges if one.txt_domain is not None))
    try:
        found = observer.whereabouts(names, time.monotonic() + SECONDS) if names else {}
    except errors.SignalExit:
        raise
    except Exception as error:
        logger.debug("Finding zones failed.", exc_info=True)
        logger.warning("The plugin could not find out the zones of TXT records: %s", explain.described(error))
        found = {}
    return [_with_zone(one, *found.get(one.txt_domain or "", ("", ()))) for one in challenges]


def _with_zone(challenge: Challenge, zone: str, servers: tuple[str, ...]) -> Challenge:
    known = challenge.txt_zone if challenge.txt_target else zone
    fit = known and guard.alias_ends(known, None)
    return dataclasses.replace(challenge, zone=known if fit else None, name_servers=servers)
