"""Whether every address of every name serves the saved certificate: `rehearse --served`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from certbot_external_auth.backends import Context
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.lineages import live
from certbot_external_auth.rehearsal.findings import Finding, Found, Kind
from certbot_external_auth.rehearsal.publisher import Ready
from certbot_external_auth.rehearsal.subject import Subject
from certbot_external_auth.visibility.web.served import Served, look

LIMIT_SECONDS = 60.0
"""The time for all addresses together."""
_Where = tuple[tuple[Endpoint, ...], int]
"""The name servers to ask, and the port."""


def check(ready: Sequence[Ready], config_dir: str) -> Found:
    """Ask the servers, and compare with what Certbot has saved."""
    saved = _saved(config_dir)
    expected = [(one.subject, one.publisher.context) for one in ready if one.publisher.context is not None]
    answers: dict[_Where, dict[str, list[Served]]] = {}
    for where, names in _questions(expected).items():
        found = look(sorted(names), where[1], where[0], time.monotonic() + LIMIT_SECONDS)
        by_name: dict[str, list[Served]] = answers.setdefault(where, {})
        for one in found:
            by_name.setdefault(one.name, []).append(one)
    return {
        subject.lineage: [
            finding
            for name in _asked(subject.facts.names)
            for row in answers[_where(context)].get(name, ())
            for finding in _compared(row, saved.get(name.lower(), set()))
        ]
        for subject, context in expected
    }


def _asked(names: Sequence[str]) -> list[str]:
    # No client asks for a wildcard.
    return [name for name in names if not name.startswith("*.")]


def _where(context: Context) -> _Where:
    return context.settings.verify_nameservers, context.tls_port


def _questions(expected: Sequence[tuple[Subject, Context]]) -> dict[_Where, set[str]]:
    questions: dict[_Where, set[str]] = {}
    for subject, context in expected:
        questions.setdefault(_where(context), set()).update(_asked(subject.facts.names))
    return questions


def _saved(config_dir: str) -> dict[str, set[str]]:
    """Return the fingerprints of all live certificates by name. One name can be in several, with keys of two kinds."""
    found: dict[str, set[str]] = {}
    lineages = live.of(config_dir)
    names = lineages.names()
    for lineage, sha256 in lineages.fingerprints().items():
        for name in names.get(lineage, ()) if sha256 is not None else ():
            found.setdefault(name, set()).add(str(sha256))
    return found


def _compared(row: Served, saved: set[str]) -> Iterator[Finding]:
    facts = {"name": row.name, "address": row.address, "text": row.shown}
    if not row.sha256:
        yield Finding(Kind.NOT_SERVED, facts)
    elif row.sha256 not in saved:
        yield Finding(Kind.SERVED_OTHER, facts)
