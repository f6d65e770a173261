"""Lets a certificate be watched, if a notifier was named for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from certbot_external_auth.configuration import assembly, lineage_name
from certbot_external_auth.configuration.certbot_config import CertbotConfig
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import preflight, trust
from certbot_external_auth.handler_setup.environment import handler_environment
from certbot_external_auth.notification.watch import Watched
from certbot_external_auth.notification.watch import watch as watch_certificate
from certbot_external_auth.run import attended
from certbot_external_auth.text import say_once

logger = logging.getLogger(__name__)

OPTION = "notify"


def watch(config: CertbotConfig, lineage: str | None) -> None:
    """Watch the certificate of a run that has a notifier, unless it is a trial.

    :param lineage: its name, if Certbot has told.
    :raises UsageError: see `attended.prepared`.
    """

    def prepare(value: str) -> tuple[str, ...]:
        words = config.words(OPTION, value)
        found = examined(words, config.flag(OPTION))
        for warning in found.warnings:
            say_once(logger, warning)
        if found.problems:
            raise UsageError(found.problems)
        return words

    certbot = config.config
    without = f"The plugin cannot call the notifier if {certbot.verb} fails."
    words = attended.prepared(config, OPTION, prepare, without)
    if words is None:
        return
    names = tuple(assembly.names_asked_for(certbot) or ())
    watch_certificate(Watched(lineage_name.expected(certbot, names, lineage), names, certbot.verb, words))


def examined(words: Sequence[str], flag: str) -> trust.Findings:
    """Examine a notifier as a handler is examined: whether it can be started, and who can change it."""
    search_path = handler_environment(os.environ)["PATH"]
    return preflight.check_command(words, search_path, trust.trusted_ids(), flag, "notifier")
