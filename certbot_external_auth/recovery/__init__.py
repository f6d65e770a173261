"""Withdraws what earlier runs left behind."""

from __future__ import annotations

from certbot_external_auth.recovery.batch import reasons_of
from certbot_external_auth.recovery.consent import TOLD_MODES
from certbot_external_auth.recovery.outcome import Outcome
from certbot_external_auth.recovery.withdrawal import ATTEMPTS, INTERRUPTIONS, chosen, tell, withdraw

__all__ = [
    "ATTEMPTS",
    "INTERRUPTIONS",
    "TOLD_MODES",
    "Outcome",
    "chosen",
    "reasons_of",
    "tell",
    "withdraw",
]
