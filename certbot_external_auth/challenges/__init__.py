"""Challenges, and what must be published for each type."""

from __future__ import annotations

from certbot_external_auth.challenges.challenge import PERSISTENT, TLS_TYPES, TXT_TYPES, TYPES, Challenge, Served

__all__ = ["PERSISTENT", "TLS_TYPES", "TXT_TYPES", "TYPES", "Challenge", "Served"]
