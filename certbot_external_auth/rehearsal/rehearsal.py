"""The rehearsal itself: looks at the host once, and at each certificate."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.configuration import kept_options
from certbot_external_auth.errors import UsageError
from certbot_external_auth.rehearsal import host as of_host
from certbot_external_auth.rehearsal import lineage as of_lineage
from certbot_external_auth.rehearsal import permitted, publishing, served
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, Outcome, worst
from certbot_external_auth.rehearsal.publisher import Publishers, Ready
from certbot_external_auth.rehearsal.records import Records
from certbot_external_auth.rehearsal.subject import Host, Subject, chosen
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
    publishers = Publishers(host)
    subjects = [_subject(name, host, bool(wanted.named)) for name in chosen(host.config_dir, wanted.named)]
    ready = [Ready(one, publishers.of(one)) for one in subjects if isinstance(one, Subject)]
    outcomes = {one.lineage: one for one in subjects if isinstance(one, Outcome)}
    outcomes |= {one.subject.lineage: _outcome(one, host, now) for one in ready}
    of_all = list(of_host.findings(host))
    forbidden, unsaid = permitted.check(ready) if wanted.dns else ({}, ())
    records = Records(host, now).check(ready) if wanted.dns else {}
    published = publishing.publish(ready, host) if wanted.publish else {}
    seen = served.check(ready, host.config_dir) if wanted.served else {}
    for more in (forbidden, records, published, seen):
        outcomes |= {name: outcomes[name].plus(findings) for name, findings in more.items()}
    return Report((*of_all, *unsaid), [outcomes[name] for name in sorted(outcomes)])


def _subject(name: str, host: Host, asked: bool) -> Subject | Outcome | None:
    """Return a lineage; what is wrong with it if it cannot be read; or None if it is not this plugin's.

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
    return Outcome(name, findings=(read,)) if isinstance(read, Finding) else Subject(name, kept, read)


def _outcome(one: Ready, host: Host, now: datetime.datetime) -> Outcome:
    facts = one.subject.facts
    found = (*one.publisher.findings, *_of_files(one.subject, host, now))
    return Outcome(one.subject.lineage, facts.names, rfc3339(facts.not_after), found)


def _of_files(subject: Subject, host: Host, now: datetime.datetime) -> Iterator[Finding]:
    yield from of_lineage.files(host.config_dir, subject.lineage)
    yield from of_lineage.overdue(subject.facts, now)
    yield from of_lineage.account(subject, host)
    try:
        yield from of_lineage.pending(subject, host)
    except OSError as error:
        yield Finding(Kind.JOURNAL, {"path": host.work_dir, "text": error.strerror or str(error)})
