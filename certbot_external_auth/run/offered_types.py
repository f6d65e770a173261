"""The challenge types that a run offers to Certbot."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import PERSISTENT, choice, tlssni01
from certbot_external_auth.errors import UsageError
from certbot_external_auth.text import say_once

logger = logging.getLogger(__name__)


class OfferedTypes:
    """:param carried: what the backend can carry out, in order of preference.
    :param carrier: names what limits them, for errors; None for the mode, the dialect or the provider.
    """

    def __init__(self, context: Context, carried: Sequence[str], carrier: str | None = None) -> None:
        self._context = context
        # A record that stands needs nobody to publish it.
        named = PERSISTENT in context.preferred and not context.settings.historic
        lasting = (PERSISTENT,) if named else ()
        self._carried = tuple(dict.fromkeys((*carried, *lasting)))
        self._carrier = carrier or context.settings.carrier

    def check(self, asked: Collection[str]) -> None:
        """Check that there is a type for every name that was asked for.

        :raises UsageError: with every name for which there is none.
        """
        preferred, server = self._context.preferred, self._context.server
        problems = choice.problems(asked, self._carried, preferred, self._carrier)
        if tlssni01.TYPE in preferred and tlssni01.withdrawn_at(server):
            problems.append(
                f"--preferred-challenges: Let's Encrypt ({server}) ended tls-sni-01 in 2019; use tls-alpn-01, or name "
                "your own CA with --server (a --dry-run goes to Let's Encrypt unless --server is given)."
            )
        if problems:
            raise UsageError(problems)
        if tlssni01.TYPE in preferred:
            say_once(logger, tlssni01.WARNING)

    def of(self, identifier: str) -> list[str]:
        """Return the types for a name or an address, best first."""
        return choice.usable(identifier, self._carried, self._context.preferred)

    def all_persist(self, asked: Collection[str]) -> bool:
        """Tell whether every name is proven by a record that may stand already, so that nobody may be needed."""
        return bool(asked) and all(self.of(name) == [PERSISTENT] for name in asked)

    def usable(self, identifier: str, addresses: bool) -> list[str]:
        """Return the types for a name or an address that Certbot can use, best first.

        :param addresses: this Certbot can have addresses in a certificate.
        :raises UsageError: for an address where it cannot.
        """
        if choice.is_address(identifier) and not addresses:
            # Only a --csr brings an address into an order of such a Certbot.
            raise UsageError(
                [f"{identifier} is an IP address: for these Certbot 5.3 or newer is needed (certbot --version)."]
            )
        return self.of(identifier)
