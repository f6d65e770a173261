"""Certbot in two steps: ``begin`` prints the batch and returns, ``finish`` answers it and ends Certbot."""

from __future__ import annotations

from certbot_external_auth.sessions.session import DEADLINE, FOLDER, STATES, Exit, Session

__all__ = ["DEADLINE", "FOLDER", "STATES", "Exit", "Session"]
