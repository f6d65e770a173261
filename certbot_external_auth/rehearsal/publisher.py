"""Whether what publishes or deploys could do so now: the same checks as before a run, each setting once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from certbot_external_auth.backends import Context, context
from certbot_external_auth.challenges import PERSISTENT
from certbot_external_auth.configuration import assembly
from certbot_external_auth.errors import UsageError
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, worst
from certbot_external_auth.rehearsal.logged import collected
from certbot_external_auth.rehearsal.subject import Host, Subject, context_of, handler_of
from certbot_external_auth.run.offered_types import OfferedTypes
from certbot_external_auth.run.run import Run

NOT_REHEARSED = {"json": Kind.BY_DRIVER, "manual": Kind.BY_HAND}
"""Modes in which a renewal needs a program or a person that a rehearsal does not have."""
NOTHING_PUBLISHED = ("stateless",)


@dataclass(frozen=True)
class Publisher:
    """What publishes or deploys one certificate.

    :ivar context: of the next renewal; None if there is none that can be rehearsed.
    :ivar types: the challenge types that can be used for a name.
    """

    findings: tuple[Finding, ...]
    context: Context | None = None
    types: tuple[str, ...] = ()

    @property
    def can_publish(self) -> bool:
        """Whether a value can be published for a test."""
        if self.context is None or self.context.settings.mode in NOTHING_PUBLISHED or PERSISTENT in self.types:
            return False
        return worst(self.findings) is not Level.PROBLEM


@dataclass(frozen=True)
class Ready:
    """A certificate whose publisher was checked."""

    subject: Subject
    publisher: Publisher


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
        found = context_of(subject, handler, self.host)
        if by_other is not None and OfferedTypes(found, ()).all_persist(subject.facts.names):
            return Publisher((), found, (PERSISTENT,))
        if by_other is not None:
            return Publisher((Finding(by_other, {"day": subject.facts.not_after.date().isoformat()}),))
        types, unfit = _of_types(subject, found)
        return Publisher((*self._once(subject, handler, found), *unfit), found, types)

    def _once(self, subject: Subject, handler: assembly.Handler, found: Context) -> tuple[Finding, ...]:
        roles = (subject.publishes, subject.deploys)
        names = subject.facts.names if found.settings.routes is not None else None
        key = (*roles, handler.settings, handler.words, handler.cleanup_words, handler.types, names)
        if key not in self._checked:
            self._checked[key] = tuple(_prepared(found, *roles, names))
        return self._checked[key]


def _prepared(found: Context, publishing: bool, deploying: bool, names: Collection[str] | None) -> Iterator[Finding]:
    """Yield what the examination before a run finds.

    :param names: of the certificate, if it has routes.
    """
    with collected() as warnings:
        try:
            if found.settings.routes is None:
                context.backend(found.settings.mode, found).prepare(publishing, deploying)
            else:
                Run(found, names).prepare(publishing, deploying)
        except UsageError as error:
            yield from (Finding(Kind.PUBLISHER, {"text": problem}) for problem in error.problems)
    yield from (Finding(Kind.PUBLISHER_DOUBT, {"text": text}) for text in warnings)


def _of_types(subject: Subject, found: Context) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the challenge types for the names, and a finding for each name that none of them can prove."""
    if not subject.publishes:
        return (), []
    if found.settings.routes is not None:
        return _of_routes(subject, found), []
    offered = OfferedTypes(found, context.backend(found.settings.mode, found).challenge_types)
    try:
        offered.check(subject.facts.names)
    except UsageError as error:
        return (), [Finding(Kind.PUBLISHER, {"text": problem}) for problem in error.problems]
    return tuple(dict.fromkeys(kind for name in subject.facts.names for kind in offered.of(name))), []


def _of_routes(subject: Subject, found: Context) -> tuple[str, ...]:
    """Return the challenge types for names with routes. What is wrong with these, their examination says."""
    run, names = Run(found, subject.facts.names), subject.facts.names
    try:
        return tuple(dict.fromkeys(kind for name in names for kind in run.usable_types(name, addresses=True)))
    except UsageError:
        return ()
