"""Mutants of samples that change nothing that can be seen, judged by a person, each with the reason."""

from __future__ import annotations

REASONS: dict[tuple[str, str, str], str] = {}
"""By module, the line before, and the line after."""
