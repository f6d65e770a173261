"""The outcome of a recovery for each batch that earlier runs left behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery.reasons import Reason

Key = tuple[str, str]
"""The ids of a batch and of a challenge in it."""


@dataclass
class Outcome:
    """What one recovery did with each batch.

    :ivar withdrawn: batches that are gone now.
    :ivar left: batches that are not, with the reasons in words, as the journal has them.
    :ivar running: batches that another process works on, or whose names another process uses.
    :ivar given_up: batches that runs do not try, or report, any more.
    :ivar aside: see `journal.Contents`.
    :ivar reasons: why challenges are left.
    :ivar notes: notes about challenges that are withdrawn.
    """

    withdrawn: list[Entry] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    given_up: list[Entry] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)
    reasons: dict[Key, Reason] = field(default_factory=dict)
    notes: dict[Key, Reason] = field(default_factory=dict)
