"""The rehearsal itself: looks at the host once, and at each certificate."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from certbot_external_auth.errors import UsageError
from certbot_external_auth.rehearsal import host as of_host
from certbot_external_auth.rehearsal import lineage as of_lineage
from certbot_external_auth.rehearsal import permitted, publishing, served
from certbot_external_auth.rehearsal.attended import Attendance, Attendances
from certbot_external_auth.rehearsal.certificates import found
from certbot_external_auth.rehearsal.directories import Directories
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, Outcome, worst
from certbot_external_auth.rehearsal.publisher import Publishers, Ready
from certbot_external_auth.rehearsal.records import Records
from certbot_external_auth.rehearsal.subject import Host, Subject
from certbot_external_auth.text import rfc3339


@dataclass(frozen=True)
class Report:
    """What a rehearsal has found.

    :ivar host: findings about all certificates.
    :ivar outcomes: one for each certificate of this plugin.
    :ivar record_ends: see `Records.ends`.
    :ivar metrics: the files for figures that certificates name, and that can be written.
    """

    host: Sequence[Finding]
    outcomes: Sequence[Outcome]
    record_ends: Mapping[str, float | None] = field(default_factory=dict)
    metrics: Collection[str] = ()

    def plus(self, more: Sequence[Finding]) -> Report:
        """Return the report with more findings about all certificates."""
        return replace(self, host=(*self.host, *more))

    @property
    def level(self) -> Level | None:
        """The worst level of all findings, None if there are none."""
        return worst([*self.host, *(finding for one in self.outcomes for finding in one.findings)])


@dataclass(frozen=True)
class Wanted:
    """What is rehearsed.

    :ivar named: lineages; all of them if it is empty.
    :ivar publish: publish a value for each, and remove it.
    :ivar served: compare with what servers serve.
    :ivar dns: look up what may keep the CA from issuing.
    """

    named: Collection[str] = ()
    publish: bool = False
    served: bool = False
    dns: bool = True


def rehearse(host: Host, wanted: Wanted, now: datetime.datetime) -> Report:
    """Look at what the renewals need.

    :param now: the present time, with its zone.
    :raises UsageError: if a lineage that is named does not exist.
    """
    publishers, directories = Publishers(host), Directories()
    subjects = found(host, wanted.named)
    ready = [Ready(one, publishers.of(one)) for one in subjects if isinstance(one, Subject)]
    outcomes = {one.lineage: one for one in subjects if isinstance(one, Outcome)}
    attended = dict(_attended(ready))
    outcomes |= {one.subject.lineage: _outcome(one, host, now) for one in ready}
    of_all = list(of_host.findings(host))
    forbidden, unsaid = permitted.check(ready, directories.meta) if wanted.dns else ({}, ())
    records = Records(host, now, directories)
    standing = records.check(ready) if wanted.dns else {}
    published = publishing.publish(ready, host) if wanted.publish else {}
    seen = served.check(ready, host.config_dir) if wanted.served else {}
    watched = {name: one.findings for name, one in attended.items()}
    for more in (forbidden, standing, published, seen, watched):
        outcomes |= {name: outcomes[name].plus(findings) for name, findings in more.items()}
    files = {one.metrics for one in attended.values() if one.metrics}
    return Report((*of_all, *unsaid), [outcomes[name] for name in sorted(outcomes)], records.ends, files)


def _outcome(one: Ready, host: Host, now: datetime.datetime) -> Outcome:
    facts = one.subject.facts
    found = (*one.publisher.findings, *_of_files(one.subject, host, now))
    return Outcome(one.subject.lineage, facts.names, rfc3339(facts.not_after), found)


def _attended(ready: Sequence[Ready]) -> Iterator[tuple[str, Attendance]]:
    attendances = Attendances()
    for one in ready:
        # What no option takes is a finding about the publisher.
        with contextlib.suppress(UsageError):
            yield one.subject.lineage, attendances.of(one.subject.kept)


def _of_files(subject: Subject, host: Host, now: datetime.datetime) -> Iterator[Finding]:
    yield from of_lineage.files(host.config_dir, subject.lineage)
    yield from of_lineage.overdue(subject.facts, now)
    yield from of_lineage.account(subject, host)
    try:
        yield from of_lineage.pending(subject, host)
    except OSError as error:
        yield Finding(Kind.JOURNAL, {"path": host.work_dir, "text": error.strerror or str(error)})
