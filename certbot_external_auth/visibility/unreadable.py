"""Describe what a library raises when it cannot read what a server sent."""

from __future__ import annotations

import logging

from certbot import errors

from certbot_external_auth.text import one_line

logger = logging.getLogger(__name__)

_ENDS = (errors.SignalExit, KeyboardInterrupt, SystemExit, GeneratorExit)
"""Exceptions that do not come from what was read."""


def words(error: BaseException) -> str:
    """Return an error of a library as words for the observation of a server.

    Callers catch `BaseException`, since a panic of a library written in Rust is not an `Exception`.

    :raises BaseException: the error itself, if a signal raised it or it ends the process.
    """
    if isinstance(error, _ENDS):
        raise error
    logger.debug("A library cannot read what a server sent.", exc_info=error)
    return one_line(f"{type(error).__name__}: {error}", 200)
