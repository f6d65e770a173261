"""Collects what the checks of a run log as warnings and errors, in place of printing it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


class _Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextlib.contextmanager
def collected(level: int = logging.WARNING) -> Iterator[list[str]]:
    """Yield the list of messages, which is complete at the end of the block. :param level: the lowest that counts."""
    logger, collector = logging.getLogger("certbot_external_auth"), _Collector(level)
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield collector.texts
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagates
