"""Challenges as this plugin sees them, and what must be published for each type."""

from __future__ import annotations

from dataclasses import dataclass

from certbot_external_auth.challenges import dns01, http01

TYPES = (dns01.TYPE, http01.TYPE)
"""Challenge types this plugin carries, in order of preference."""


@dataclass(frozen=True)
class Challenge:
    """One challenge of an order, complete: everything a backend may need is computed here.

    :ivar id: unique in this run.
    :ivar type: the challenge type of RFC 8555 section 8, such as ``dns-01``.
    :ivar identifier: the name or address, without ``*.`` (RFC 8555 section 7.1.4).
    :ivar identifier_type: ``dns`` or ``ip``.
    :ivar token: as the CA sent it, checked by `guard`.
    :ivar key_authorization: RFC 8555 section 8.1.
    """

    id: str
    type: str
    identifier: str
    identifier_type: str
    token: str
    key_authorization: str

    @property
    def validation(self) -> str:
        """The value to publish."""
        if self.type == dns01.TYPE:
            return dns01.validation(self.key_authorization)
        return self.key_authorization

    @property
    def txt_domain(self) -> str | None:
        """Owner name of the TXT record, for dns-01."""
        return dns01.txt_domain(self.identifier) if self.type == dns01.TYPE else None

    @property
    def uri(self) -> str | None:
        """Where the CA will fetch the key authorization, for http-01."""
        return http01.uri(self.identifier, self.token) if self.type == http01.TYPE else None
