"""Signals of this process: inherited, kept back, and turned into exceptions."""

from __future__ import annotations

__all__ = []
