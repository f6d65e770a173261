"""Whether what publishes or deploys could do so now: the same checks as before a run, each setting once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from certbot_external_auth.backends import Context, context
from certbot_external_auth.configuration import assembly
from certbot_external_auth.errors import UsageError
from certbot_external_auth.rehearsal.findings import Finding, Kind
from certbot_external_auth.rehearsal.subject import Host, Subject, context_of, handler_of
from certbot_external_auth.run.offered_types import OfferedTypes

NOT_REHEARSED = {"json": Kind.BY_DRIVER, "manual": Kind.BY_HAND}
"""Modes in which a renewal needs a program or a person that a rehearsal does not have."""


@dataclass
class Publishers:
    """The publishers of a host. Lineages that keep the same options have the same one, and it is checked once."""

    host: Host
    _checked: dict[tuple[object, ...], list[Finding]] = field(default_factory=dict)

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Check the publisher of a certificate."""
        try:
            handler = handler_of(subject.kept)
        except UsageError as error:
            yield from (Finding(Kind.OPTIONS, {"text": problem}) for problem in error.problems)
            return
        found = context_of(subject, handler, self.host)
        by_other = NOT_REHEARSED.get(handler.settings.mode)
        if by_other is not None:
            day = subject.facts.not_after.date().isoformat() if subject.facts else ""
            yield Finding(by_other, {"day": day})
            return
        yield from self._once(subject, handler, found)
        yield from _of_types(subject, found)

    def _once(self, subject: Subject, handler: assembly.Handler, found: Context) -> list[Finding]:
        roles = (subject.publishes, subject.deploys)
        key = (
            *roles,
            handler.settings,
            handler.words,
            handler.cleanup_words,
            handler.types,
            found.http_port,
            found.tls_port,
        )
        if key not in self._checked:
            self._checked[key] = list(_prepared(found, *roles))
        return self._checked[key]


def _prepared(found: Context, publishing: bool, deploying: bool) -> Iterator[Finding]:
    with _listening() as warnings:
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


class _listening(logging.Handler):  # noqa: N801
    """Collects the warnings that a check logs, in place of printing them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger("certbot_external_auth")
        self._texts: list[str] = []
        self._propagated = True

    def __enter__(self) -> list[str]:
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)
        return self._texts

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())
