"""The rehearsal itself: looks at the host once, and at each certificate."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.configuration import kept_options
from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages import certificate
from certbot_external_auth.rehearsal import host as of_host
from certbot_external_auth.rehearsal import lineage as of_lineage
from certbot_external_auth.rehearsal import publishing, served
from certbot_external_auth.rehearsal import subject as subjects
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, Outcome, worst
from certbot_external_auth.rehearsal.publisher import Publisher, Publishers
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


@dataclass(frozen=True)
class Wanted:
    """What is rehearsed.

    :ivar named: lineages; all of them if it is empty.
    :ivar publish: publish a value for each, and remove it.
    :ivar served: compare with what servers serve.
    """

    named: Collection[str] = ()
    publish: bool = False
    served: bool = False


def rehearse(host: Host, wanted: Wanted, now: datetime.datetime) -> Report:
    """Look at what the renewals need.

    :param now: the present time, with its zone.
    :raises UsageError: if a lineage that is named does not exist.
    """
    chosen = subjects.chosen(host.config_dir, wanted.named)
    publishers = Publishers(host)
    outcomes: list[Outcome] = []
    trials: list[publishing.Trial] = []
    expected: list[served.Expected] = []
    for name in chosen:
        subject = _subject(name, host, bool(wanted.named))
        if isinstance(subject, Outcome):
            outcomes.append(subject)
        elif subject is not None and subject.facts is not None:
            publisher = publishers.of(subject)
            outcomes.append(_outcome(subject, subject.facts, publisher, host, now))
            trials += _trial(subject, publisher)
            expected += _expected(subject, publisher)
    of_all = tuple(of_host.findings(host))
    published = publishing.publish(trials, host) if wanted.publish else {}
    seen = served.check(expected, host.config_dir) if wanted.served else {}
    more = {name: (*published.get(name, ()), *seen.get(name, ())) for name in chosen}
    return Report(of_all, [_with(one, more[one.lineage]) for one in outcomes])


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


def _outcome(
    subject: Subject, facts: certificate.Facts, publisher: Publisher, host: Host, now: datetime.datetime
) -> Outcome:
    found = (*publisher.findings, *_of_files(subject, facts, host, now))
    return Outcome(subject.lineage, facts.names, rfc3339(facts.not_after), found)


def _of_files(subject: Subject, facts: certificate.Facts, host: Host, now: datetime.datetime) -> Iterator[Finding]:
    yield from of_lineage.files(host.config_dir, subject.lineage)
    yield from of_lineage.overdue(facts, now)
    yield from of_lineage.account(subject, host)
    try:
        yield from of_lineage.pending(subject, facts, host)
    except OSError as error:
        yield Finding(Kind.JOURNAL, {"path": host.work_dir, "text": error.strerror or str(error)})


def _trial(subject: Subject, publisher: Publisher) -> Iterator[publishing.Trial]:
    if subject.publishes and publisher.can_publish and publisher.context is not None and subject.facts is not None:
        yield publishing.Trial(subject.lineage, publisher.context, subject.facts.names[0])


def _expected(subject: Subject, publisher: Publisher) -> Iterator[served.Expected]:
    if publisher.context is not None and subject.facts is not None:
        yield served.Expected(subject.lineage, subject.facts.names, publisher.context)


def _with(outcome: Outcome, more: Sequence[Finding]) -> Outcome:
    return dataclasses.replace(outcome, findings=(*outcome.findings, *more)) if more else outcome
