"""What was begun and not yet withdrawn, in memory and on disk; cleanup takes its work from here, never from Certbot.

A file for each batch lies in ``external-auth/journal`` below Certbot's work directory, from just before anything of
it is published until all of it is withdrawn. It is locked by the process that works on it, and a lock ends with its
process: a file that can be locked is what a run left behind. `docs/journal.md` describes the files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import logging
import time
from collections.abc import Iterable, Mapping

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.journal import outputs as printed
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.journal.files import Held, folder
from certbot_external_auth.journal.scan import read_all

logger = logging.getLogger(__name__)

MOST_OUTPUT = 4_000_000
"""Bytes of an entry that outputs may take; those that do not fit stay in their own files alone."""
WAIT = 60.0
"""Seconds that a batch waits for another process that withdraws something of the same names."""

touched: set[str] = set()
"""Batches that this process wrote, tried to withdraw, or told somebody about."""


class Journal:
    """Of one run. Memory says which challenges of a batch were begun; the file holds all of them from the start.

    :param work_dir: Certbot's.
    """

    def __init__(self, work_dir: str) -> None:
        self._work_dir = work_dir
        self._begun: dict[str, Challenge] = {}
        self._held: Held | None = None
        self._deaf = False

    def open(self, entry: Entry) -> None:
        """Note a batch on disk; MUST be called before anything of it is touched.

        :raises OSError: if it cannot be noted, EBUSY if somebody works on its names; nothing may be published then.
        """
        self.abandon()
        touched.add(entry.id)
        printed.tidy(self._work_dir, folder(self._work_dir))
        held = Held.new(self._work_dir, entry)
        try:
            wait_for_others(self._work_dir, entry)
        except BaseException:
            with contextlib.suppress(OSError):
                held.remove()
            raise
        self._held, self._deaf = held, False

    def begin(self, challenges: Iterable[Challenge]) -> None:
        """MUST be called before anything outside is touched for these challenges."""
        self._begun.update((challenge.id, challenge) for challenge in challenges)

    def begun(self) -> list[Challenge]:
        """In the order in which they were begun."""
        return list(self._begun.values())

    def hear(self, challenge: str, data: bytes) -> None:
        """Note what the handler prints while it publishes, as it comes; without room for it, the run goes on.

        :param challenge: its id.
        """
        if self._held is None or self._deaf:
            return
        try:
            printed.append(self._work_dir, self._held.entry.id, challenge, data)
        except OSError as error:
            self._deaf = True
            logger.warning(
                "What the handler prints cannot be noted in %s: %s. If this run is killed, its cleanup cannot be told.",
                self._work_dir,
                error.strerror,
            )

    def keep(self, outputs: Mapping[str, str]) -> None:
        """Note what the handler printed, for whoever withdraws the batch after this run.

        :param outputs: by the challenge's id.
        :raises OSError: if the file cannot be changed.
        """
        if self._held is not None and outputs:
            self._held.store(dataclasses.replace(self._held.entry, outputs=_fitting(outputs)))

    def close(self, reasons: Mapping[str, str]) -> None:
        """Cleanup was tried.

        :param reasons: why challenges are not withdrawn, by id; they stay in the file.
        :raises OSError: if the file cannot be changed.
        """
        held, self._held = self._held, None
        self._begun.clear()
        if held is None:
            return
        left = tuple(one for one in held.entry.challenges if one.id in reasons)
        if not left:
            held.remove()
            return
        try:
            held.store(dataclasses.replace(held.entry, challenges=left, reasons=dict(reasons)))
        finally:
            held.release()

    def abandon(self) -> None:
        """Cleanup did not come to its end: leave the file as it is to a recovery."""
        self._begun.clear()
        if self._held is not None:
            self._held.release()
            self._held = None


def output_path(work_dir: str, entry: Entry, challenge: Challenge) -> str:
    """Where what the handler printed when it published a challenge is, if it did."""
    return printed.path(work_dir, entry.id, challenge.id)


def _fitting(outputs: Mapping[str, str]) -> dict[str, str]:
    found, room = {}, MOST_OUTPUT
    for challenge, text in outputs.items():
        size = len(json.dumps(text))
        if size <= room:
            room -= size
            found[challenge] = text
    return found


def wait_for_others(work_dir: str, entry: Entry, limit: float = WAIT) -> None:
    """Wait while somebody else works on a batch with one of the same names, but no longer than `limit` seconds.

    Certbot's lock keeps other runs out, so that is somebody who withdraws what an earlier run left.

    :raises OSError: if the folder cannot be used; EBUSY if somebody still does then.
    """
    deadline = time.monotonic() + limit
    while True:
        others = [
            one for one in read_all(work_dir).running if one.id != entry.id and one.identifiers & entry.identifiers
        ]
        if not others:
            return
        if time.monotonic() >= deadline:
            names = ", ".join(sorted(others[0].identifiers & entry.identifiers))
            raise OSError(
                errno.EBUSY,
                f"another process still withdraws what an earlier run left for {names}, after {limit:g} seconds",
            )
        time.sleep(0.05)
