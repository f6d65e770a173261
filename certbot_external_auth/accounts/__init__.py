"""Certbot's ACME accounts on disk, and whether one of them belongs to a server."""

from __future__ import annotations

from certbot_external_auth.accounts.account import Account, AccountError, read
from certbot_external_auth.accounts.origin import foreign, origin

__all__ = ["Account", "AccountError", "foreign", "origin", "read"]
