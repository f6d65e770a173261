"""Calling conventions of handlers, one module each."""

from __future__ import annotations

from certbot_external_auth.dialects.call import BUILT_IN, GROUP, Call, Facts, by_type, dialect, key_algorithm
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes.program import Ended

__all__ = ["BUILT_IN", "GROUP", "Call", "Deployment", "Ended", "Facts", "by_type", "dialect", "key_algorithm"]
