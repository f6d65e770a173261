"""Backend `stateless`: publishes nothing. Web servers answer each token of http-01 from the account's thumbprint.

RFC 8555 section 8.1 makes the key authorization from the token and the thumbprint of the account's key, so a web server
that knows the thumbprint can answer every challenge of that account.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import Challenge, http01
from certbot_external_auth.errors import Failure
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lineages.deployment import Deployment

logger = logging.getLogger(__name__)


@implementer(IBackend)
class StatelessBackend:
    """See `IBackend`. The check before the CA is asked proves that the web servers answer."""

    challenge_types = (http01.TYPE,)
    publishes_nothing = True

    def __init__(self, context: Context) -> None:
        """Take the `Context` that every backend gets, and use nothing of it."""

    def prepare(self, publishing: bool, deploying: bool) -> None:
        """Do nothing: only the check of the web servers can tell whether they answer."""

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        """Do nothing, and do not begin: there will be nothing to withdraw."""

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        """Withdraw nothing."""
        return []

    def deploy(self, deployment: Deployment) -> None:
        """Say where the certificate is."""
        logger.info("New certificate for %s: %s", ", ".join(deployment.domains), deployment.fullchain_path)

    def unchanged(self, deployment: Deployment) -> None:
        """Do nothing."""
