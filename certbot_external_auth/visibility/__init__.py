"""Check, as the CA will, that what was published is visible."""

from __future__ import annotations

from certbot_external_auth.visibility.observation import (
    KINDS,
    Accepts,
    Clue,
    Expectation,
    Found,
    Hop,
    Observation,
    Outcome,
    Page,
    Says,
    TlsFault,
    expectations,
)

__all__ = [
    "KINDS",
    "Accepts",
    "Clue",
    "Expectation",
    "Found",
    "Hop",
    "Observation",
    "Outcome",
    "Page",
    "Says",
    "TlsFault",
    "expectations",
]
