"""A challenge, and what must be published for each type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certbot_external_auth import persistent_records
from certbot_external_auth.challenges import dns01, dnsaccount01, http01, tlsalpn01, tlssni01

TYPES = (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE, tlssni01.TYPE, dnsaccount01.TYPE)
"""Challenge types of this plugin, in order of preference. For those that must be named, see `choice`."""
PERSISTENT = persistent_records.TYPE
"""The type whose record is looked for, published only where it is missing, and never removed. Every mode has it."""
TXT_TYPES = (dns01.TYPE, dnsaccount01.TYPE)
"""Types that a TXT record answers, which is removed afterwards."""
TLS_TYPES = (tlsalpn01.TYPE, tlssni01.TYPE)
"""Types that a TLS server answers with a certificate."""


@dataclass(frozen=True)
class Served:
    """What a TLS server must present for a challenge.

    :ivar cert_path: path of the validation certificate. It exists until the challenge is withdrawn.
    :ivar key_path: path of its key. It exists as long.
    :ivar cert_pem: the certificate itself.
    :ivar port: TCP port where the server must listen.
    """

    cert_path: str
    key_path: str
    cert_pem: str
    port: int


@dataclass(frozen=True)
class Challenge:
    """A challenge of an order, with everything that a backend needs.

    :ivar id: unique in this process.
    :ivar type: challenge type, such as ``dns-01`` (RFC 8555 section 8).
    :ivar identifier: name or address, without ``*.`` (RFC 8555 section 7.1.4).
    :ivar identifier_type: ``dns`` or ``ip``.
    :ivar token: token from the CA, checked by `guard`.
    :ivar key_authorization: RFC 8555 section 8.1.
    :ivar served: certificate for the TLS types, once it is made.
    :ivar txt_target: name at the end of the alias, if `txt_domain` is an alias (CNAME). The TXT record belongs there.
    :ivar txt_zone: zone of `txt_target`, if it is known.
    :ivar account_label: label of the account in the name of the record, for dns-account-01.
    :ivar offer: the challenge as the CA sent it, for dns-persist-01, which has neither token nor key authorization.
    :ivar need: what the record must allow, for dns-persist-01, once it is known.
    :ivar zone: zone of `record_name`, whether that is an alias or not, if it is known and the publisher is told it.
    :ivar name_servers: where that was found out, as ``address:port``: first servers of the zone of the name, then those
        of the zones on the way of its aliases, last those of `zone`.
    """

    id: str
    type: str
    identifier: str
    identifier_type: str
    token: str
    key_authorization: str
    served: Served | None = None
    txt_target: str | None = None
    txt_zone: str | None = None
    account_label: str | None = None
    offer: Mapping[str, Any] | None = None
    need: persistent_records.Need | None = None
    zone: str | None = None
    name_servers: tuple[str, ...] = ()

    @property
    def persists(self) -> bool:
        """Whether the record stays for later certificates."""
        return self.type == PERSISTENT

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other challenges of the order: type and token, or type and name if there is no token."""
        return self.type, self.token or self.identifier

    @property
    def validation(self) -> str:
        """The value to publish."""
        if self.need is not None:
            return self.need.value()
        if self.type in TXT_TYPES:
            return dns01.validation(self.key_authorization)
        if self.type == tlsalpn01.TYPE:
            return tlsalpn01.validation(self.key_authorization)
        if self.type == tlssni01.TYPE:
            return tlssni01.z_domain(self.key_authorization)
        return self.key_authorization

    @property
    def place(self) -> str:
        """Where the CA looks: name of the TXT record, URL, or server name (SNI) for the TLS types."""
        if self.type == dns01.TYPE:
            return dns01.txt_domain(self.identifier)
        if self.type == dnsaccount01.TYPE:
            return dnsaccount01.txt_domain(self.identifier, self.account_label or "")
        if self.persists:
            return persistent_records.record_name(self.identifier)
        if self.type == http01.TYPE:
            return http01.uri(self.identifier, self.token)
        if self.type == tlsalpn01.TYPE:
            return tlsalpn01.server_name(self.identifier, self.identifier_type)
        return tlssni01.z_domain(self.key_authorization)

    @property
    def record_name(self) -> str:
        """Name of the TXT record to write. Beside an alias (CNAME) no other record can exist, so it is its target."""
        return self.txt_target or self.place

    @property
    def description(self) -> str:
        """What is published, in words for a person."""
        if self.txt_domain is not None:
            return f'the TXT record {self.record_name}. "{self.validation}"'
        if self.type == http01.TYPE:
            return f"the file at {self.place}"
        return f"the certificate for {self.place}"

    @property
    def txt_domain(self) -> str | None:
        """Owner name of the TXT record, for the types that have one."""
        return self.place if self.persists or self.type in TXT_TYPES else None

    @property
    def uri(self) -> str | None:
        """URL from which the CA fetches the key authorization, for http-01."""
        return self.place if self.type == http01.TYPE else None

    @property
    def server_name(self) -> str | None:
        """Server name (SNI) that the CA sends, for the TLS types. The server chooses the certificate by it."""
        return self.place if self.type in TLS_TYPES else None

    @property
    def alpn(self) -> str | None:
        """Application protocol (RFC 7301) that the CA offers and the server must choose, for tls-alpn-01."""
        return tlsalpn01.ALPN if self.type == tlsalpn01.TYPE else None
