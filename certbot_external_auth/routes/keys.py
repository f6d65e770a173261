"""The keys of a route: the names of flags, without their prefix, and `challenge`."""

from __future__ import annotations

CHALLENGE = "challenge"
PUBLISHERS = ("handler", "provider")
"""A route has exactly one of these."""
OWN = ("dialect", "cleanup-handler", "env-file", "hook-chain", "wellknown")
"""Belong to the publisher of a route, so a flag never says them for all routes."""
SHARED = ("timeout", "jobs", "run-as", "verify", "verify-timeout", "verify-settle", "verify-nameservers")
"""A flag of the same name says them for all routes that do not have them."""
OF_A_ROUTE = (*PUBLISHERS, "dehydrated-config", *OWN)
"""Options that contradict a file of routes."""
OPTIONS = (*PUBLISHERS, *OWN, *SHARED)
KEYS = (*OPTIONS, CHALLENGE)
