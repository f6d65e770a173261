from zope.interface import implementer

from certbot_external_auth.dialects import Call
from certbot_external_auth.interfaces import IDialect


@implementer(IDialect)
class Present:
    """Two words and the values: `present NAME VALUE`, `remove NAME VALUE`."""

    challenge_types = ("dns-01",)

    def perform(self, challenges, facts):
        return [self._call("present", one) for one in challenges]

    def cleanup(self, finished, facts):
        return [self._call("remove", one.challenge) for one in finished]

    def deploy(self, deployment, facts):
        return []

    def unchanged(self, deployment, facts):
        return []

    def supported(self, call, ended):
        return True

    @staticmethod
    def _call(word, one):
        return Call(word, (word, one.txt_domain, one.validation), challenges=(one,), identifiers=(one.identifier,))
