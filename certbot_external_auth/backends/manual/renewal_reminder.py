"""Reminders for certificates issued in mode manual: until when to renew each of them, and with which command."""

from __future__ import annotations

import atexit
import contextlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from certbot_external_auth.lineages import certificate, handed_over
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.text import flag_words

_watched: set[str] = set()
"""Configuration directories whose certificates this process compares when it exits."""


@dataclass(frozen=True)
class Reminder:
    """What a person must know to renew a certificate.

    :ivar lineage: the certificate's name in Certbot.
    :ivar flags: of Certbot, by which this certificate was issued, without its name.
    :ivar last_day: on which it expires (UTC), ``YYYY-MM-DD``; None if the certificate cannot be read.
    """

    lineage: str
    flags: tuple[str, ...]
    last_day: str | None

    @property
    def command(self) -> str:
        """The command line that renews it, quoted for a shell."""
        return shlex.join(["certbot", "certonly", *flag_words(self.lineage), *self.flags])


def last_day(config_dir: str, lineage: str) -> str | None:
    """Return the day on which the live certificate expires (UTC); None if it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return certificate.read(Lineage(config_dir, lineage).cert_path).not_after.date().isoformat()
    return None


def tell_at_exit(config_dir: str, say: Callable[[str, str], None]) -> None:
    """Arrange that `say` is called for each certificate that this process has issued, when the process exits.

    Only the first call for a configuration directory counts.

    :param say: takes the lineage and its last day. If it fails since the terminal is gone, nothing happens.
    """
    if config_dir in _watched:
        return
    _watched.add(config_dir)
    before = handed_over.live_certificates(config_dir)
    atexit.register(_tell, config_dir, before, say)


def _tell(config_dir: str, before: Mapping[str, str | None], say: Callable[[str, str], None]) -> None:
    for lineage, sha256 in handed_over.live_certificates(config_dir).items():
        day = last_day(config_dir, lineage)
        if day is not None and handed_over.has_changed(before, lineage, sha256):
            with contextlib.suppress(OSError):
                say(lineage, day)
