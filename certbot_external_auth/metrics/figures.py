"""Reads what the figures need besides the state file: certificates, deployments, and what runs have left."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from certbot_external_auth import journal
from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.handed_over import HandedOver
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.metrics.state import Entry

FORGOTTEN_SECONDS = 7 * 24 * 3600.0
"""After this time, an attempt is forgotten whose certificate does not exist: it was never issued, or was deleted."""


@dataclass(frozen=True)
class Figures:
    """The figures of one certificate.

    :ivar expiry: when it ends, in seconds since 1970; None if there is none that can be read.
    :ivar pending: whether it was not handed over yet; None if this plugin does not hand it over.
    :ivar exists: False only if its file is not there. One that cannot be read is there.
    """

    lineage: str
    entry: Entry
    expiry: float | None = None
    pending: bool | None = None
    exists: bool = True


def of(lineage: str, entry: Entry, work_dir: str) -> Figures:
    """Return the figures of a certificate now."""
    try:
        facts = certificate.read(Lineage(entry.config_dir, lineage).cert_path)
    except (FileNotFoundError, NotADirectoryError):
        return Figures(lineage, entry, exists=False)
    except (OSError, ValueError):
        return Figures(lineage, entry)
    pending = None
    with contextlib.suppress(OSError):
        known = HandedOver(entry.config_dir, work_dir).known()
        pending = known[lineage] != facts.sha256 if lineage in known else None
    return Figures(lineage, entry, facts.not_after.timestamp(), pending)


def remembered(figures: Mapping[str, Figures], now: float) -> dict[str, Figures]:
    """Return the figures without those of certificates that do not exist, some time after the last attempt."""
    return {
        name: one
        for name, one in figures.items()
        if one.exists or now - max(one.entry.attempt or 0, one.entry.rehearsal or 0) < FORGOTTEN_SECONDS
    }


def leftovers(work_dir: str) -> int | None:
    """Return how many challenges runs have published and not removed; None if that cannot be read."""
    try:
        return sum(len(entry.challenges) for entry in journal.read_all(work_dir, changing=False).left)
    except OSError:
        return None
