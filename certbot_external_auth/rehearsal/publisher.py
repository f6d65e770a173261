"""Whether what publishes or deploys could do so now: the same checks as before a run, each setting once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from certbot_external_auth.backends import Context, context
from certbot_external_auth.configuration import assembly
from certbot_external_auth.errors import UsageError
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, worst
from certbot_external_auth.rehearsal.logged import collected
from certbot_external_auth.rehearsal.subject import Host, Subject, context_of, handler_of
from certbot_external_auth.run.offered_types import OfferedTypes

NOT_REHEARSED = {"json": Kind.BY_DRIVER, "manual": Kind.BY_HAND}
"""Modes in which a renewal needs a program or a person that a rehearsal does not have."""
NOTHING_PUBLISHED = ("stateless",)


@dataclass(frozen=True)
class Publisher:
    """What publishes or deploys one certificate.

    :ivar context: of the next renewal; None if there is none that can be rehearsed.
    """

    findings: tuple[Finding, ...]
    context: Context | None = None

    @property
    def can_publish(self) -> bool:
        """Whether a value can be published for a test."""
        ready = self.context is not None and worst(self.findings) is not Level.PROBLEM
        return ready and self.context is not None and self.context.settings.mode not in NOTHING_PUBLISHED


@dataclass
class Publishers:
    """The publishers of a host. Lineages that keep the same options have the same one, and it is checked once."""

    host: Host
    _checked: dict[tuple[object, ...], tuple[Finding, ...]] = field(default_factory=dict)

    def of(self, subject: Subject) -> Publisher:
        """Check the publisher of a certificate."""
        try:
            handler = handler_of(subject.kept)
        except UsageError as error:
            return Publisher(tuple(Finding(Kind.OPTIONS, {"text": problem}) for problem in error.problems))
        by_other = NOT_REHEARSED.get(handler.settings.mode)
        if by_other is not None:
            day = subject.facts.not_after.date().isoformat() if subject.facts else ""
            return Publisher((Finding(by_other, {"day": day}),))
        found = context_of(subject, handler, self.host)
        return Publisher((*self._once(subject, handler, found), *_of_types(subject, found)), found)

    def _once(self, subject: Subject, handler: assembly.Handler, found: Context) -> tuple[Finding, ...]:
        roles = (subject.publishes, subject.deploys)
        key = (*roles, handler.settings, handler.words, handler.cleanup_words, handler.types)
        if key not in self._checked:
            self._checked[key] = tuple(_prepared(found, *roles))
        return self._checked[key]


def _prepared(found: Context, publishing: bool, deploying: bool) -> Iterator[Finding]:
    with collected() as warnings:
        try:
            context.backend(found.settings.mode, found).prepare(publishing, deploying)
        except UsageError as error:
            yield from (Finding(Kind.PUBLISHER, {"text": problem}) for problem in error.problems)
    yield from (Finding(Kind.PUBLISHER_DOUBT, {"text": text}) for text in warnings)


def _of_types(subject: Subject, found: Context) -> Iterator[Finding]:
    """Yield a finding if there is a name that no challenge type can prove."""
    if not subject.publishes or subject.facts is None:
        return
    try:
        OfferedTypes(found, context.backend(found.settings.mode, found).challenge_types).check(subject.facts.names)
    except UsageError as error:
        yield from (Finding(Kind.PUBLISHER, {"text": problem}) for problem in error.problems)
