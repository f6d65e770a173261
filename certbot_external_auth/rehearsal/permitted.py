"""Whether CAA records and DNSSEC let the CA issue for every name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.backends import Context, surroundings
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.permission import applying, wording
from certbot_external_auth.permission.applying import Meta
from certbot_external_auth.permission.finding import Applicant
from certbot_external_auth.permission.look import Sight, guarded, look
from certbot_external_auth.rehearsal.findings import Finding, Found, Kind
from certbot_external_auth.rehearsal.publisher import Ready
from certbot_external_auth.rehearsal.subject import Subject
from certbot_external_auth.visibility import parallel
from certbot_external_auth.visibility.observer import Observer

LEAST_SECONDS, SECONDS_PER_NAME = 5.0, 0.02
"""The time for all names. Different servers are asked at the same time, so that silent ones hold up no others."""


@dataclass(frozen=True)
class _Wish:
    """One certificate to ask about."""

    subject: Subject
    context: Context
    types: tuple[str, ...]


def check(ready: Sequence[Ready], meta: Meta) -> tuple[Found, Sequence[Finding]]:
    """Ask name servers and resolvers about all names.

    :param meta: reads the directory of a CA.
    :returns: what was found, and what could not be found out for any certificate.
    """
    groups = _groups(ready)
    until = time.monotonic() + _seconds([one for group in groups for one in group])
    applicants: dict[tuple[object, ...], Applicant] = {}
    found: dict[str, Sequence[Finding]] = {}
    unsaid: list[Finding] = []
    for group, sight in zip(groups, parallel.each(lambda group: _sight(group, until), groups), strict=True):
        unsaid += [] if sight.checked or not sight.told else [Finding(Kind.UNSIGNED)]
        for one in group:
            applicant = _applicant(one, applicants, meta) if sight.restricted else Applicant(types=one.types)
            found[one.subject.lineage] = list(_of_one(one, sight, applicant))
    return found, unsaid[:1]


def _sight(group: Sequence[_Wish], until: float) -> Sight:
    """Ask about the names of some certificates. :param until: when to give up, by the monotonic clock."""
    seconds = min(_seconds(group), until - time.monotonic())
    return look(_names(group), Observer(surroundings(group[0].context)).dns, seconds)


def _seconds(group: Sequence[_Wish]) -> float:
    return LEAST_SECONDS + SECONDS_PER_NAME * len(_names(group))


def _names(group: Sequence[_Wish]) -> list[str]:
    return sorted({name for one in group for name in one.subject.facts.names})


def _groups(ready: Sequence[Ready]) -> list[list[_Wish]]:
    """Return the certificates whose names the same servers are asked about."""
    groups: dict[tuple[Endpoint, ...], list[_Wish]] = {}
    for one in ready:
        context = one.publisher.context
        if one.subject.publishes and context is not None:
            wish = _Wish(one.subject, context, one.publisher.types)
            groups.setdefault(context.settings.verify_nameservers, []).append(wish)
    return list(groups.values())


def _applicant(one: _Wish, known: dict[tuple[object, ...], Applicant], meta: Meta) -> Applicant:
    """Return who asks."""
    asking = (one.context.server, one.context.facts.config_dir, one.subject.text("account"), one.types)
    if asking not in known:
        known[asking] = guarded(lambda: applying.applicant(*asking, meta), Applicant(types=one.types))
    return known[asking]


def _of_one(one: _Wish, sight: Sight, applicant: Applicant) -> Iterator[Finding]:
    own = sight.about(one.subject.facts.names)
    for finding in own.findings(applicant):
        yield Finding(Kind.NOT_PERMITTED, {"text": wording.sentence(finding, applicant), "code": finding.kind.value})
    if own.unsaid:
        yield Finding(Kind.UNSAID, {"names": ", ".join(own.unsaid)})
