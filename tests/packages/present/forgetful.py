"""A dialect that breaks the contract: its author never thought of cleaning up."""

from zope.interface import implementer

from certbot_external_auth.interfaces import IDialect


@implementer(IDialect)
class Forgetful:
    challenge_types = ("dns-01",)

    def perform(self, challenges, facts):
        return []

    def deploy(self, deployment, facts):
        return []

    def unchanged(self, deployment, facts):
        return []

    def supported(self, call, ended):
        return True
