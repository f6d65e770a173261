"""Signals of this process: inherited settings, deferral, and exceptions."""

from __future__ import annotations

__all__ = []
