"""Carry out challenges and hand over certificates: through a handler, a JSON driver or a person."""

from __future__ import annotations

from certbot_external_auth.backends.context import GROUP, Context, backend, deploy_handler, publisher, surroundings
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.lineages.deployment import Deployment

__all__ = ["GROUP", "Context", "Deployment", "Finished", "backend", "deploy_handler", "publisher", "surroundings"]
