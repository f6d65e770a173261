"""Why a challenge is not visible: asks the servers again, once the time to wait is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from certbot import errors

from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import report
from certbot_external_auth.visibility.observation import Clue, Expectation, Observation
from certbot_external_auth.visibility.observer import Observer

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0
"""How long the servers may take to show the reason."""


def reasons(
    observer: Observer, wanted: Sequence[Expectation], observations: Sequence[Observation], publisher: report.Publisher
) -> list[str]:
    """Return sentences about the likely reasons. Takes at most `LIMIT_SECONDS`.

    An error here becomes a sentence too: the caller still shows what the servers answered.
    """
    clues: Sequence[Clue] = ()
    failed = []
    try:
        clues = observer.explain(wanted, observations, time.monotonic() + LIMIT_SECONDS)
    except errors.SignalExit:
        raise
    except Exception as error:
        logger.debug("Looking for the reason failed.", exc_info=True)
        failed = [f"The reason could not be looked for: {described(error)}"]
    return [*report.reasons(wanted, observations, clues, publisher), *failed]


def described(error: Exception) -> str:
    """Write an unexpected error on one line."""
    return one_line(f"{type(error).__name__}: {error}")
