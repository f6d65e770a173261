"""What a rehearsal has found, as data. `wording` has the sentences."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace


class Level(enum.Enum):
    """How bad a finding is. The values stand in JSON."""

    NOTE = "note"
    """Nothing is wrong; it is only said."""
    WARNING = "warning"
    """The next renewal will work, but something needs attention."""
    PROBLEM = "problem"
    """The next renewal would fail, or its certificate would not be used."""


class Kind(enum.Enum):
    """What was found: its code in JSON, and its level. The comment names the facts of a finding of this kind."""

    RENEWAL_FILE = "renewal_file", Level.PROBLEM  # text: why it cannot be read
    OPTIONS = "options", Level.PROBLEM  # text: a sentence of the check before a run
    PUBLISHER = "publisher", Level.PROBLEM  # text: a sentence of the check before a run
    PUBLISHER_DOUBT = "publisher_doubt", Level.WARNING  # text: a warning of the check before a run
    CERTIFICATE = "certificate", Level.PROBLEM  # path, text, lost: empty if it may be there
    KEY = "key", Level.PROBLEM  # path, text
    OVERDUE = "overdue", Level.PROBLEM  # day: of its end, days: until then
    ACCOUNT = "account", Level.PROBLEM  # text: a sentence
    DISK = "disk", Level.PROBLEM  # path, flag: of Certbot, text: why not, and what to do
    JOURNAL = "journal", Level.PROBLEM  # path, text
    LEFTOVER = "leftover", Level.WARNING  # names, work_dir
    PENDING = "pending", Level.PROBLEM  # lineage
    LOCKED = "locked", Level.NOTE  # path
    NOT_PUBLISHED = (
        "not_published",
        Level.PROBLEM,
    )  # name, text: as a run says it; secrets: the env file, may be missing
    NOT_WITHDRAWN = "not_withdrawn", Level.PROBLEM  # place, text: as a run says it; may be empty
    NOT_PERMITTED = "not_permitted", Level.PROBLEM  # text: a sentence, code: of the finding
    UNSAID = "caa_unsaid", Level.NOTE  # names
    UNSIGNED = "dnssec_unsaid", Level.NOTE
    SERVED_OTHER = "served_other", Level.PROBLEM  # name, address, text: the certificate in words
    NOT_SERVED = "not_served", Level.WARNING  # name, address: may be empty, text: why
    IN_USE = "in_use", Level.NOTE  # place
    RECORD = "record", Level.PROBLEM  # name, text: why it does not stand, and which record is right
    RECORD_TO_COME = "record_to_come", Level.NOTE  # the same
    RECORD_ENDS = "record_ends", Level.WARNING  # name, text: a sentence
    RECORD_UNSAID = "record_unsaid", Level.NOTE  # names, text: why
    STOPPED = "stopped", Level.NOTE  # path
    NOTIFIER = "notifier", Level.WARNING  # text: why it could not be called
    NOTIFIER_DOUBT = "notifier_doubt", Level.WARNING  # text: a sentence
    METRICS = "metrics", Level.WARNING  # text: why figures cannot be written
    BY_DRIVER = "by_driver", Level.NOTE
    BY_HAND = "by_hand", Level.WARNING  # day: of its end

    def __init__(self, code: str, level: Level) -> None:
        self.code = code
        self.level = level


@dataclass(frozen=True)
class Finding:
    """One finding about a certificate, or about all of them."""

    kind: Kind
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """How bad it is."""
        return self.kind.level


@dataclass(frozen=True)
class Outcome:
    """What was found about one lineage.

    :ivar lineage: Certbot's name of the certificate.
    :ivar names: names and addresses in it; empty if it cannot be read.
    :ivar not_after: end of its validity, RFC 3339; empty if it cannot be read.
    """

    lineage: str
    names: tuple[str, ...] = ()
    not_after: str = ""
    findings: Sequence[Finding] = ()

    @property
    def level(self) -> Level | None:
        """The worst level of all findings, None if there are none."""
        return worst(self.findings)

    def plus(self, more: Sequence[Finding]) -> Outcome:
        """Return the outcome with more findings."""
        return replace(self, findings=(*self.findings, *more))


Found = Mapping[str, Sequence[Finding]]
"""Findings about some certificates, by lineage."""


def worst(findings: Iterable[Finding]) -> Level | None:
    """Return the worst level of findings, None if there are none."""
    order = list(Level)
    return max((one.level for one in findings), key=order.index, default=None)
