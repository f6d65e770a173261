"""Why a challenge is not visible: asks the servers again, and examines the files that the plugin itself has written."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from certbot import errors

from certbot_external_auth.challenges import http01
from certbot_external_auth.files import webroot
from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility.observation import Clue, Expectation, Observation, Says
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.publisher import Publisher

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0
"""How long the servers may take to show the reason."""


def reasons(
    observer: Observer, wanted: Sequence[Expectation], observations: Sequence[Observation], publisher: Publisher
) -> list[str]:
    """Return sentences about the likely reasons. Takes at most `LIMIT_SECONDS`.

    An error here becomes a sentence too: the caller still shows what the servers answered.
    """
    # Most runs have no failure, and never load it.
    from certbot_external_auth.visibility import likely

    clues: Sequence[Clue] = ()
    failed = []
    try:
        clues = observer.explain(wanted, observations, time.monotonic() + LIMIT_SECONDS)
    except errors.SignalExit:
        raise
    except Exception as error:
        logger.debug("Looking for the reason failed.", exc_info=True)
        failed = [f"The reason could not be looked for: {described(error)}"]
    written = files(wanted, observations, publisher.wellknown)
    return [*likely.reasons(wanted, observations, clues, publisher, written), *failed]


def files(wanted: Sequence[Expectation], observations: Sequence[Observation], wellknown: str) -> dict[str, FileState]:
    """Examine the files that the plugin itself has written, and return those that a server does not show, by place.

    :param wellknown: their folder; empty if there is none.
    """
    denied = {row.place for row in observations if row.outcome.says is Says.NO}
    places = [one.place for one in wanted if wellknown and one.type == http01.TYPE and one.place in denied]
    found = {place: webroot.file_state(wellknown, place.rpartition("/")[2]) for place in places}
    return {place: state for place, state in found.items() if state is not None}


def described(error: Exception) -> str:
    """Write an unexpected error on one line."""
    return one_line(f"{type(error).__name__}: {error}")
