"""Prepares what attends a run for the administrator: the notifier, and the file for figures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from certbot_external_auth.configuration.certbot_config import CertbotConfig
from certbot_external_auth.errors import UsageError
from certbot_external_auth.text import say_once

logger = logging.getLogger(__name__)

VERBS = ("certonly", "run", "renew", "install")
"""Certbot's verbs after which a certificate may be missed. `reconfigure` only tries."""

Ready = TypeVar("Ready")


def prepared(config: CertbotConfig, option: str, prepare: Callable[[str], Ready], without: str) -> Ready | None:
    """Prepare what an option names; return None in a trial, or if it cannot be used.

    :param prepare: takes the option's value; raises UsageError.
    :param without: says in a sentence, before the reason, what will be missing.
    :raises UsageError: if the option was given now, and cannot be used. One that was kept for renewal is left out
        with a warning, since a renewal is worth more.
    """
    if config.config.verb not in VERBS or config.config.dry_run:
        return None
    try:
        return prepare(str(config.value(option)))
    except UsageError as error:
        if option in config.given:
            raise
        say_once(logger, f"{without} {error}")
        return None
