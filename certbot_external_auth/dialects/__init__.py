"""Calling conventions of handlers, one module each."""

from __future__ import annotations

from certbot_external_auth.dialects.call import BUILT_IN, GROUP, Call, Facts, by_type, dialect, facts_of

__all__ = ["BUILT_IN", "GROUP", "Call", "Facts", "by_type", "dialect", "facts_of"]
