"""Certbot in two steps: ``begin`` returns with the batch, ``finish`` answers and ends it."""

from __future__ import annotations

from certbot_external_auth.sessions.session import DEADLINE, FOLDER, STATES, Exit, Session

__all__ = ["DEADLINE", "FOLDER", "STATES", "Exit", "Session"]
