"""Whether what publishes or deploys could do so now: the same checks as before a run, each setting once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.backends import Context, context, deploy_handler
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


@dataclass(frozen=True)
class _Examined:
    """What one setting came to.

    :ivar types: returns the challenge types for the names of a certificate, and a finding for each name that none of
        them can prove.
    """

    findings: tuple[Finding, ...]
    types: Callable[[Sequence[str]], tuple[tuple[str, ...], list[Finding]]]


@dataclass
class Publishers:
    """The publishers of a host. Lineages that keep the same options have the same one, and it is made once."""

    host: Host
    _examined: dict[tuple[object, ...], _Examined] = field(default_factory=dict)
    _takers: dict[tuple[object, ...], tuple[Finding, ...]] = field(default_factory=dict)

    def of(self, subject: Subject) -> Publisher:
        """Check the publisher of a certificate."""
        try:
            handler = handler_of(subject.kept)
        except UsageError as error:
            return Publisher(tuple(Finding(Kind.OPTIONS, {"text": problem}) for problem in error.problems))
        by_other = NOT_REHEARSED.get(handler.settings.mode)
        found = context_of(subject, handler, self.host)
        taker = self._taker(subject, found)
        if not subject.publishes and found.deploy_words:
            return Publisher(taker, found)
        if by_other is not None and OfferedTypes(found, ()).all_persist(subject.facts.names):
            return Publisher(taker, found, (PERSISTENT,))
        if by_other is not None:
            return Publisher((*taker, Finding(by_other, {"day": subject.facts.not_after.date().isoformat()})))
        examined = self._once(subject, handler, found)
        types, unfit = examined.types(subject.facts.names) if subject.publishes else ((), [])
        return Publisher((*examined.findings, *unfit, *taker), found, types)

    def _taker(self, subject: Subject, found: Context) -> tuple[Finding, ...]:
        """Check the command that takes the certificate, if it is not what publishes."""
        made = deploy_handler(found) if subject.deploys else None
        if made is None:
            return ()
        key = (found.settings, found.deploy_words)
        if key not in self._takers:
            self._takers[key] = _prepared(lambda: made.prepare(False, True))
        return self._takers[key]

    def _once(self, subject: Subject, handler: assembly.Handler, found: Context) -> _Examined:
        # A command for it alone is checked apart from this.
        roles = (subject.publishes, subject.deploys and not found.deploy_words)
        names = subject.facts.names if found.settings.routes is not None else None
        key = (*roles, handler.settings, handler.words, handler.cleanup_words, handler.types, names)
        if key not in self._examined:
            self._examined[key] = _plain(found, *roles) if names is None else _routed(found, *roles, names)
        return self._examined[key]


def _plain(found: Context, publishing: bool, deploying: bool) -> _Examined:
    """Examine a publisher of all names."""
    try:
        made = context.backend(found.settings.mode, found)
    except UsageError as error:
        return _Examined(_problems(error), lambda names: ((), []))
    offered = OfferedTypes(found, made.challenge_types)

    def types(names: Sequence[str]) -> tuple[tuple[str, ...], list[Finding]]:
        try:
            offered.check(names)
        except UsageError as error:
            return (), list(_problems(error))
        return tuple(dict.fromkeys(kind for name in names for kind in offered.of(name))), []

    return _Examined(_prepared(lambda: made.prepare(publishing, deploying)), types)


def _routed(found: Context, publishing: bool, deploying: bool, names: Sequence[str]) -> _Examined:
    """Examine the routes of a certificate. Also what is wrong with their challenge types is among the findings."""
    run = Run(found, names)

    def types(names: Sequence[str]) -> tuple[tuple[str, ...], list[Finding]]:
        try:
            return tuple(dict.fromkeys(kind for name in names for kind in run.usable_types(name, addresses=True))), []
        except UsageError:
            return (), []

    return _Examined(_prepared(lambda: run.prepare(publishing, deploying)), types)


def _prepared(prepare: Callable[[], None]) -> tuple[Finding, ...]:
    """Return what the examination before a run finds."""
    found: tuple[Finding, ...] = ()
    with collected() as warnings:
        try:
            prepare()
        except UsageError as error:
            found = _problems(error)
    return (*found, *(Finding(Kind.PUBLISHER_DOUBT, {"text": text}) for text in warnings))


def _problems(error: UsageError) -> tuple[Finding, ...]:
    return tuple(Finding(Kind.PUBLISHER, {"text": problem}) for problem in error.problems)
