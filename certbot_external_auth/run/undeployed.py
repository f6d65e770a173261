"""What takes certificates in a run with routes: nothing does, since each route publishes for a part of the names."""

from __future__ import annotations

import logging

from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.text import first_time

logger = logging.getLogger(__name__)

SENTENCE = (
    "Nothing was called with the certificate: with routes, no publisher is. Name a command with "
    "--external-auth-deploy-handler, or choose this plugin only as authenticator (-a external-auth)."
)


class Undeployed:
    """See `handover.Receiver`."""

    def deploy(self, deployment: Deployment) -> None:
        """Say that nothing is called. With -q, Certbot shows errors only, and a timer's renewal is run like that."""
        if first_time(SENTENCE):
            logger.error("%s", SENTENCE)

    def unchanged(self, deployment: Deployment) -> None:
        """Do nothing."""
