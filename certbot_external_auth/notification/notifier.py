"""Calls the notifier, once for each certificate and process. It never fails, whatever the notifier does."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from certbot import errors

from certbot_external_auth.console import documents
from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.handler_setup.environment import handler_environment
from certbot_external_auth.notification.trouble import Trouble, document, summary
from certbot_external_auth.processes import runner
from certbot_external_auth.processes.program import Ended

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 30.0
"""A run waits for the notifier, and a renewal of many certificates must not wait for each of many calls."""
VARIABLE = "summary"
"""The variable with a sentence about what happened."""


class Notifier:
    """What this process has told."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._silenced = False

    def tell(self, words: Sequence[str], trouble: Trouble) -> None:
        """Call a notifier about a certificate, unless it was told about that one, or has taken too long before.

        :param words: its command line, files absolute.
        """
        if self._silenced or trouble.lineage in self._told:
            return
        self._told.add(trouble.lineage)
        try:
            ended = call(words, trouble)
        except errors.SignalExit:
            raise
        except Exception as error:
            logger.warning("The notifier %s could not be called: %s", command_line.named(words), error)
            return
        self._silenced = ended.timed_out
        if not ended.ok:
            more = " It is not called again by this process." if ended.timed_out else ""
            logger.warning("The notifier %s failed: %s.%s", command_line.named(words), ended, more)


def call(words: Sequence[str], trouble: Trouble) -> Ended:
    """Run a notifier, and log what it prints."""
    named = command_line.named(words)
    return runner.run(
        words,
        environment={**handler_environment(os.environ), VARIABLE: summary(trouble)},
        say=lambda line: logger.info("%s: %s", named, line),
        stdin=f"{documents.text(document(trouble), indent=None)}\n".encode(),
        limit=LIMIT_SECONDS,
    )
