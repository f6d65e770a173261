"""Notices that a certificate was not issued, renewed or handed over, also where Certbot fails and calls no plugin."""

from __future__ import annotations

import atexit
import os
import sys
from dataclasses import dataclass

from certbot import errors

from certbot_external_auth.notification import trouble
from certbot_external_auth.notification.notifier import Notifier
from certbot_external_auth.protocol import failed_renewals

_INTERRUPTED = (KeyboardInterrupt, errors.SignalExit, GeneratorExit)
"""The person who interrupts a run knows of it."""


@dataclass(frozen=True)
class Watched:
    """A certificate, and who is told about it.

    :ivar names: empty if they are not known.
    :ivar verb: Certbot's.
    :ivar words: the notifier's command line.
    """

    lineage: str
    names: tuple[str, ...]
    verb: str
    words: tuple[str, ...]


class Watch:
    """The certificates of a process, by the names of their lineages."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._watched: dict[str, Watched] = {}
        self._process = os.getpid()

    def add(self, watched: Watched) -> None:
        """Watch a certificate from now on."""
        self._watched[watched.lineage] = watched

    def renewal_failed(self, exception: BaseException, lineage: str) -> None:
        """Take what Certbot logs about one of the certificates that it renews."""
        if lineage in self._watched:
            self._tell(self._watched[lineage], exception)

    def at_exit(self) -> None:
        """Take how Certbot ended. Of renewals it has logged each failure before."""
        exception = getattr(sys, "last_value", None)
        if exception is None or os.getpid() != self._process:
            return
        for watched in self._watched.values():
            if watched.verb != "renew":
                self._tell(watched, exception)

    def _tell(self, watched: Watched, exception: BaseException) -> None:
        if not isinstance(exception, _INTERRUPTED):
            told = trouble.of(watched.lineage, watched.names, watched.verb, exception)
            self._notifier.tell(watched.words, told)


_watch: Watch | None = None


def watch(watched: Watched) -> None:
    """Watch a certificate until this process ends."""
    global _watch  # noqa: PLW0603 - a process ends once
    if _watch is None:
        _watch = Watch(Notifier())
        failed_renewals.listen(_watch.renewal_failed)
        atexit.register(_watch.at_exit)
    _watch.add(watched)
