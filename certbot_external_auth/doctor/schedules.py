"""What starts Certbot by itself on a host: systemd's timers, and cron."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from certbot_external_auth.doctor import cron, timers
from certbot_external_auth.doctor.entries import Schedule
from certbot_external_auth.doctor.reader import Reader

_SYSTEMD_RUNS = "run/systemd/system"
"""A directory that is there if systemd has started the host (sd_booted(3))."""


@dataclass(frozen=True)
class Found:
    """:ivar unreadable: files and directories that could not be read, each with the reason; more may stand there."""

    schedules: tuple[Schedule, ...] = ()
    unreadable: tuple[str, ...] = ()


def find(root: Path) -> Found:
    """Read systemd's units and cron's files. :param root: the root directory; another one than ``/`` in tests."""
    reader = Reader(root)
    systemd = (root / _SYSTEMD_RUNS).is_dir()
    schedules = [*timers.find(reader, systemd), *cron.find(reader, systemd)]
    return Found(tuple(schedules), tuple(dict.fromkeys(reader.unreadable)))
