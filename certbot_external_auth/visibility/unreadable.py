"""Reading what a server sent, with a library that may fail at it in any way."""

from __future__ import annotations

import logging

from certbot import errors

from certbot_external_auth.text import one_line

logger = logging.getLogger(__name__)

_ENDS = (errors.SignalExit, KeyboardInterrupt, SystemExit, GeneratorExit)
"""What is raised for another reason than what was read."""


def words(error: BaseException) -> str:
    """Describe what a library raised over what a server sent, for the observation of that server.

    A library written in Rust raises what is no `Exception` when it panics, so that callers catch everything.

    :raises BaseException: the error itself, if it is a signal's or ends the process.
    """
    if isinstance(error, _ENDS):
        raise error
    logger.debug("What a server sent cannot be read.", exc_info=error)
    return one_line(f"{type(error).__name__}: {error}", 200)
