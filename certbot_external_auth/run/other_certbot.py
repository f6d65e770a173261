"""Tells whoever issues a certificate that a Certbot without this plugin would renew it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from certbot_external_auth.doctor import verb
from certbot_external_auth.doctor.findings import Kind, started_by

logger = logging.getLogger(__name__)


def warning(config_dir: str, root: Path = Path("/")) -> str | None:
    """Return a sentence if what renews on this host is a Certbot without the plugin.

    :param config_dir: Certbot's configuration directory.
    :param root: the root directory; another one than ``/`` in tests.
    :returns: None if a schedule starts a Certbot with the plugin, or one of which that is not known. A host that
        cannot be read stops no certificate.
    """
    try:
        report = verb.look(root, [os.path.dirname(sys.executable)], root / config_dir.lstrip("/"))
    except OSError:
        logger.debug("The plugin could not look for other Certbots.", exc_info=True)
        return None
    active = [schedule for schedule in report.schedules.schedules if schedule.active]
    started = [started_by(schedule, report.installations) for schedule in active]
    without = [found for found in report.findings if found.kind is Kind.SCHEDULE_WITHOUT_PLUGIN]
    if not without or len(without) < len(started):
        return None
    (schedule, *_), first = without[0].schedules, without[0].installation
    assert first is not None
    return (
        f"{schedule.place} renews with {first.command}, which does not have this plugin, so this certificate will not "
        "be renewed. Run 'certbot-external-auth doctor' to see what to change."
    )
