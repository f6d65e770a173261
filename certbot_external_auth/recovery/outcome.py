"""What became of the batches that earlier runs left behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from certbot_external_auth.journal.entry import Entry


@dataclass
class Outcome:
    """What one recovery did with each batch.

    :ivar withdrawn: batches that are gone now.
    :ivar left: batches that are not, with the reasons.
    :ivar running: batches that another process works on, or whose names it uses.
    :ivar given_up: batches that runs have tried, or reported, often enough.
    :ivar aside: see `journal.Contents`.
    :ivar notes: what to know about a withdrawn challenge, by the ids of its batch and its own.
    """

    withdrawn: list[Entry] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    given_up: list[Entry] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
