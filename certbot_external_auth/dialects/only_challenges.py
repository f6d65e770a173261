"""What dialects have in common whose programs publish challenges and know nothing of certificates."""

from __future__ import annotations

from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes.program import Ended


class OnlyChallenges:
    """The methods of `IDialect` for such a dialect: it hands no certificate over, and knows each operation."""

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        return True
