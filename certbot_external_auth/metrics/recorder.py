"""Notes how the attempts of this process end, and writes the figures when it does. It never fails."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

from certbot import errors

from certbot_external_auth.lineages.handed_over import attempts_for, has_changed, live_certificates
from certbot_external_auth.metrics import writer
from certbot_external_auth.metrics.state import OK, Change
from certbot_external_auth.protocol import error_codes, failed_renewals

logger = logging.getLogger(__name__)

_INTERRUPTED = (KeyboardInterrupt, errors.SignalExit, GeneratorExit)


@dataclass(frozen=True)
class Recorded:
    """A certificate of this process.

    :ivar path: of the file for node_exporter.
    :ivar verb: Certbot's.
    :ivar attempted: Certbot may issue or renew it now.
    """

    lineage: str
    config_dir: str
    work_dir: str
    path: str
    verb: str
    attempted: bool


class Recorder:
    """What this process notes, by the names of lineages."""

    def __init__(self) -> None:
        self._recorded: dict[str, Recorded] = {}
        self._failed: dict[str, str] = {}
        self._visible: dict[str, float] = {}
        self._lasting: dict[str, float] = {}
        self._process = os.getpid()

    def add(self, recorded: Recorded) -> None:
        """Record a certificate from now on. MUST be called before Certbot can change it."""
        attempts_for(recorded.config_dir)
        before = self._recorded.get(recorded.lineage)
        # Certbot hands a certificate over after it has issued it, and then no longer tries.
        if before is None or not before.attempted:
            self._recorded[recorded.lineage] = recorded

    def visible(self, lineage: str, seconds: float) -> None:
        """Note after how long everything was visible; of several batches, the longest time."""
        self._visible[lineage] = max(seconds, self._visible.get(lineage, 0.0))

    def lasts(self, lineage: str, until: float) -> None:
        """Note when a record of dns-persist-01 ends; of several, the first end."""
        self._lasting[lineage] = min(until, self._lasting.get(lineage, until))

    def renewal_failed(self, exception: BaseException, lineage: str) -> None:
        """Take what Certbot logs about one of the certificates that it renews."""
        if lineage in self._recorded and not isinstance(exception, _INTERRUPTED):
            self._failed[lineage] = error_codes.code_of(exception)

    def at_exit(self) -> None:
        """Write all figures. If that fails, only a warning says so."""
        if os.getpid() != self._process:
            return
        places: dict[tuple[str, str], list[Change]] = {}
        for one in self._recorded.values():
            places.setdefault((one.work_dir, one.path), []).append(self._change(one))
        for (work_dir, path), changes in places.items():
            try:
                writer.write(work_dir, path, changes)
            except errors.SignalExit:
                raise
            except Exception as error:
                logger.warning("The figures could not be written to %s: %s", path, error)

    def _change(self, one: Recorded) -> Change:
        code = self._code(one) if one.attempted else None
        values: dict[str, Any] = {}
        if code is not None:
            seen = {"visibility": self._visible.get(one.lineage), "persist_until": self._lasting.get(one.lineage)}
            values = {"attempt": time.time(), "code": code, **seen}
        return Change(one.lineage, one.config_dir, values)

    def _code(self, one: Recorded) -> str | None:
        """Return how the attempt ended; None if there was none, or if it was interrupted."""
        if one.lineage in self._failed:
            return self._failed[one.lineage]
        exception = getattr(sys, "last_value", None)
        if exception is not None and one.verb != "renew":
            return None if isinstance(exception, _INTERRUPTED) else error_codes.code_of(exception)
        now = live_certificates(one.config_dir).get(one.lineage)
        return OK if has_changed(attempts_for(one.config_dir).before, one.lineage, now) else None


_recorder: Recorder | None = None


def record(recorded: Recorded) -> None:
    """Record a certificate until this process ends."""
    global _recorder  # noqa: PLW0603 - a process ends once
    if _recorder is None:
        _recorder = Recorder()
        failed_renewals.listen(_recorder.renewal_failed)
        atexit.register(_recorder.at_exit)
    _recorder.add(recorded)


def visible(lineage: str, seconds: float) -> None:
    """See `Recorder.visible`; does nothing if nothing is recorded."""
    if _recorder is not None:
        _recorder.visible(lineage, seconds)


def lasts(lineage: str, until: float) -> None:
    """See `Recorder.lasts`; does nothing if nothing is recorded."""
    if _recorder is not None:
        _recorder.lasts(lineage, until)
