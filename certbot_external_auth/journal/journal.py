"""Records what a run may have published and has not withdrawn yet, in memory and on disk, for the cleanup.

Each batch has a file in ``external-auth/journal`` below Certbot's work directory, from just before anything of it is
published until all of it is withdrawn. The process that works on the batch keeps the file locked, and the lock ends
with the process. So a file that can be locked was left behind by a run. `docs/journal.md` describes the files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.journal import outputs as printed
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.journal.files import FOLDER, Held
from certbot_external_auth.journal.scan import read_all

logger = logging.getLogger(__name__)

MAX_OUTPUT_BYTES = 4_000_000
"""How much of an entry the outputs may take. An output that does not fit is only in its own file."""
WAIT_SECONDS = 60.0
"""How long a run waits for another process that withdraws something for the same names."""
_POLL_SECONDS = 0.05

touched: set[str] = set()
"""The ids of the batches that this process wrote, tried to withdraw, or reported."""


class Journal:
    """The journal of one run. Memory has the challenges that were begun; the file has the whole batch from the start.

    :param work_dir: the work directory of Certbot.
    """

    def __init__(self, work_dir: str) -> None:
        self._work_dir = work_dir
        self._begun: dict[str, Challenge] = {}
        self._held: Held | None = None
        self._deaf = False

    def open(self, entry: Entry) -> None:
        """Write the file of a batch; MUST be called before anything of the batch is published.

        :raises OSError: if the file cannot be written; EBUSY if another process works on the same names. Nothing may be
            published then.
        """
        self.abandon()
        touched.add(entry.id)
        printed.tidy(self._work_dir, FOLDER)
        held = Held.new(self._work_dir, entry)
        try:
            wait_for_others(self._work_dir, entry)
        except BaseException:
            with contextlib.suppress(OSError):
                held.remove()
            raise
        self._held, self._deaf = held, False

    def begin(self, challenges: Iterable[Challenge]) -> None:
        """Note in memory that these challenges may be published; MUST be called before that."""
        self._begun.update((challenge.id, challenge) for challenge in challenges)

    def begun(self) -> list[Challenge]:
        """Return the challenges that were begun, in that order."""
        return list(self._begun.values())

    def hear(self, challenge: str, data: bytes) -> None:
        """Write down what the handler prints while it publishes. If that fails, the run goes on.

        :param challenge: the id of the challenge.
        :param data: a piece of the output; empty when the call has succeeded.
        """
        if self._held is None or self._deaf:
            return
        try:
            if data:
                printed.append(self._work_dir, self._held.entry.id, challenge, data)
            else:
                printed.end(self._work_dir, self._held.entry.id, challenge)
        except OSError as error:
            self._not_recorded(error)

    def state(self, challenge: str) -> int:
        """Open the file for what the program that publishes a challenge writes.

        :raises OSError: if that is not possible.
        """
        if self._held is None or self._deaf:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        try:
            return printed.descriptor(self._work_dir, self._held.entry.id, challenge)
        except OSError as error:
            self._not_recorded(error)
            raise

    def _not_recorded(self, error: OSError) -> None:
        self._deaf = True
        logger.warning(
            "The plugin cannot record in %s what the handler prints: %s. If this run is killed, its cleanup will not "
            "have that output.",
            self._work_dir,
            error.strerror,
        )

    def keep(self, outputs: Mapping[str, str]) -> None:
        """Write what the handler printed into the file, for a recovery.

        :param outputs: by the ids of the challenges.
        :raises OSError: if the file cannot be changed.
        """
        if self._held is not None and outputs:
            self._held.store(dataclasses.replace(self._held.entry, outputs=_fitting(outputs)))

    def close(self, reasons: Mapping[str, str]) -> None:
        """Delete the withdrawn challenges from the file, and remove the file if none is left.

        :param reasons: why challenges are not withdrawn, by id; these stay in the file.
        :raises OSError: if the file cannot be changed.
        """
        held, self._held = self._held, None
        self._begun.clear()
        if held is None:
            return
        left = tuple(challenge for challenge in held.entry.challenges if challenge.id in reasons)
        if not left:
            held.remove()
            return
        try:
            held.store(dataclasses.replace(held.entry, challenges=left, reasons=dict(reasons)))
        finally:
            held.release()

    def abandon(self) -> None:
        """Leave the file to a recovery, because the cleanup did not end."""
        self._begun.clear()
        if self._held is not None:
            self._held.release()
            self._held = None


def output_path(work_dir: str, entry: Entry, challenge: Challenge) -> str:
    """Return the path of the file with what the handler printed when it published a challenge."""
    return printed.path(work_dir, entry.id, challenge.id)


def _fitting(outputs: Mapping[str, str]) -> dict[str, str]:
    fitting, room = {}, MAX_OUTPUT_BYTES
    for challenge, text in outputs.items():
        size = len(json.dumps(text))
        if size <= room:
            room -= size
            fitting[challenge] = text
    return fitting


def wait_for_others(work_dir: str, entry: Entry, limit: float = WAIT_SECONDS) -> None:
    """Wait while another process works on a batch with one of the same names.

    Certbot's lock keeps other runs out, so that process is a recovery.

    :param limit: seconds to wait.
    :raises OSError: if the folder cannot be used; EBUSY if the other process still works then.
    """
    deadline = time.monotonic() + limit
    while True:
        others = [
            other
            for other in read_all(work_dir).running
            if other.id != entry.id and other.identifiers & entry.identifiers
        ]
        if not others:
            return
        if time.monotonic() >= deadline:
            names = ", ".join(sorted(others[0].identifiers & entry.identifiers))
            raise OSError(
                errno.EBUSY,
                f"another process is still removing what an earlier run left for {names}, after {limit:g} seconds",
            )
        time.sleep(_POLL_SECONDS)
