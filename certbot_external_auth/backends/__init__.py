"""Carry out challenges and hand over certificates: through a handler, a JSON driver or a person."""

from __future__ import annotations

from certbot_external_auth.backends.context import GROUP, Context, Finished, backend

__all__ = ["GROUP", "Context", "Finished", "backend"]
