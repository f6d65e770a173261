"""The rehearsal itself: looks at the host once, and at each certificate."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.configuration import kept_options
from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages import certificate
from certbot_external_auth.rehearsal import host as of_host
from certbot_external_auth.rehearsal import lineage as of_lineage
from certbot_external_auth.rehearsal import subject as subjects
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, Outcome, worst
from certbot_external_auth.rehearsal.publisher import Publishers
from certbot_external_auth.rehearsal.subject import Host, Subject
from certbot_external_auth.settings import HISTORIC_NAME, NAME
from certbot_external_auth.text import rfc3339


@dataclass(frozen=True)
class Report:
    """What a rehearsal has found.

    :ivar host: findings about all certificates.
    :ivar outcomes: one for each certificate of this plugin.
    """

    host: Sequence[Finding]
    outcomes: Sequence[Outcome]

    @property
    def level(self) -> Level | None:
        """The worst level of all findings, None if there are none."""
        return worst([*self.host, *(finding for one in self.outcomes for finding in one.findings)])


def rehearse(host: Host, named: Collection[str], now: datetime.datetime) -> Report:
    """Look at what the renewals need. Nothing is published, and no server asked.

    :param named: lineages; all of them if it is empty.
    :param now: the present time, with its zone.
    :raises UsageError: if one that is named does not exist.
    """
    chosen = subjects.chosen(host.config_dir, named)
    publishers = Publishers(host)
    outcomes = [one for name in chosen if (one := _of(name, host, publishers, now, bool(named))) is not None]
    return Report(tuple(of_host.findings(host)), tuple(outcomes))


def _of(name: str, host: Host, publishers: Publishers, now: datetime.datetime, asked: bool) -> Outcome | None:
    """Return what was found about a lineage; None if it is not this plugin's.

    :param asked: it was named on the command line.
    """
    try:
        kept = kept_options.read(host.config_dir, name)
    except UsageError as error:
        # Certbot skips a file that it cannot parse, whatever plugin it names.
        return Outcome(name, findings=(Finding(Kind.RENEWAL_FILE, {"text": str(error)}),))
    if kept is None or not (kept.names(NAME) or kept.names(HISTORIC_NAME)):
        if asked:
            raise UsageError([f"The certificate {name} is not renewed by this plugin."])
        return None
    read = of_lineage.read(host.config_dir, name)
    if isinstance(read, Finding):
        return Outcome(name, findings=(read,))
    subject = Subject(name, kept, read)
    found = tuple(_findings(subject, read, host, publishers, now))
    return Outcome(name, read.names, rfc3339(read.not_after), found)


def _findings(
    subject: Subject, facts: certificate.Facts, host: Host, publishers: Publishers, now: datetime.datetime
) -> Iterator[Finding]:
    yield from publishers.findings(subject)
    yield from of_lineage.files(host.config_dir, subject.lineage)
    yield from of_lineage.overdue(facts, now)
    yield from of_lineage.account(subject, host)
    try:
        yield from of_lineage.pending(subject, facts, host)
    except OSError as error:
        yield Finding(Kind.JOURNAL, {"path": host.work_dir, "text": error.strerror or str(error)})
