"""The verb ``check``: try a handler without a CA."""

from __future__ import annotations

from certbot_external_auth.check.verb import arguments

__all__ = ["arguments"]
