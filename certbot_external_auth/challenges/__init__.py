"""Challenges, and what must be published for each type."""

from __future__ import annotations

from certbot_external_auth.challenges.challenge import TLS_TYPES, TXT_TYPES, TYPES, Challenge, Served

__all__ = ["TLS_TYPES", "TXT_TYPES", "TYPES", "Challenge", "Served"]
