"""Calls each notifier once, so that no failure has to show whether it works: `rehearse --notify-test`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from certbot_external_auth.errors import UsageError
from certbot_external_auth.notification import notifier
from certbot_external_auth.notification.trouble import example
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.rehearsal.attended import Attendances
from certbot_external_auth.rehearsal.certificates import found
from certbot_external_auth.rehearsal.findings import Finding, Kind, Outcome
from certbot_external_auth.rehearsal.subject import Host, Subject

_OF_NOTIFIERS = (Kind.NOTIFIER, Kind.NOTIFIER_DOUBT)


@dataclass(frozen=True)
class Called:
    """A notifier, the certificates that have it, and how the call ended."""

    words: tuple[str, ...]
    lineages: Sequence[str]
    ended: Ended


@dataclass(frozen=True)
class Tested:
    """What became of the notifiers of a host.

    :ivar called: those that could be called.
    :ivar unready: the certificates with findings about their notifier, or that cannot be read.
    :ivar without: the certificates that have none.
    """

    called: Sequence[Called]
    unready: Sequence[Outcome]
    without: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether there is a notifier, and every notifier works."""
        return bool(self.called) and all(one.ended.ok for one in self.called) and not any(map(broken, self.unready))


def broken(one: Outcome) -> bool:
    """Tell whether the notifier of a certificate could not be called."""
    return any(finding.kind is not Kind.NOTIFIER_DOUBT for finding in one.findings)


def call_each(host: Host, named: Collection[str]) -> Tested:
    """Call each notifier, with the document of the first certificate that has it.

    :param named: certificates; all of them if it is empty.
    :raises UsageError: if a certificate that is named does not exist.
    """
    attendances = Attendances()
    users: dict[tuple[str, ...], list[Subject]] = {}
    unready: list[Outcome] = []
    without: list[str] = []
    for one in found(host, named):
        if isinstance(one, Outcome):
            unready.append(one)
            continue
        try:
            attendance = attendances.of(one.kept)
        except UsageError as error:
            unready.append(Outcome(one.lineage, findings=[Finding(Kind.OPTIONS, {"text": str(error)})]))
            continue
        findings = [finding for finding in attendance.findings if finding.kind in _OF_NOTIFIERS]
        if findings:
            unready.append(Outcome(one.lineage, findings=findings))
        if attendance.notifier:
            users.setdefault(attendance.notifier, []).append(one)
        elif not findings:
            without.append(one.lineage)
    return Tested([_called(words, subjects) for words, subjects in users.items()], unready, without)


def _called(words: tuple[str, ...], subjects: Sequence[Subject]) -> Called:
    trouble = example(subjects[0].lineage, subjects[0].facts.names)
    return Called(words, [one.lineage for one in subjects], notifier.call(words, trouble))
