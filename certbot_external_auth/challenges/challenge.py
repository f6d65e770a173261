"""Challenges as this plugin sees them, and what must be published for each type."""

from __future__ import annotations

from dataclasses import dataclass

from certbot_external_auth.challenges import dns01, http01, tlsalpn01, tlssni01

TYPES = (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE, tlssni01.TYPE)
"""Challenge types this plugin carries, in order of preference; the last one is never chosen unless named."""
TLS_TYPES = (tlsalpn01.TYPE, tlssni01.TYPE)


@dataclass(frozen=True)
class Served:
    """What a TLS server must present for a challenge.

    :ivar cert_path: the validation certificate; `key_path`: its key. Both exist until the challenge is withdrawn.
    :ivar cert_pem: the certificate itself.
    :ivar port: where it must listen.
    """

    cert_path: str
    key_path: str
    cert_pem: str
    port: int


@dataclass(frozen=True)
class Challenge:
    """One challenge of an order, complete: everything a backend may need is computed here.

    :ivar id: unique in this run.
    :ivar type: the challenge type of RFC 8555 section 8, such as ``dns-01``.
    :ivar identifier: the name or address, without ``*.`` (RFC 8555 section 7.1.4).
    :ivar identifier_type: ``dns`` or ``ip``.
    :ivar token: as the CA sent it, checked by `guard`.
    :ivar key_authorization: RFC 8555 section 8.1.
    :ivar served: for the TLS types, once the certificate is made.
    :ivar txt_target: where the TXT record really belongs, if `txt_domain` is an alias (CNAME); `txt_zone`: the zone it
        lies in, if that is known.
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

    @property
    def validation(self) -> str:
        """The value to publish."""
        if self.type == dns01.TYPE:
            return dns01.validation(self.key_authorization)
        if self.type == tlsalpn01.TYPE:
            return tlsalpn01.validation(self.key_authorization)
        if self.type == tlssni01.TYPE:
            return tlssni01.z_domain(self.key_authorization)
        return self.key_authorization

    @property
    def place(self) -> str:
        """Where the CA looks: the TXT record's name, the URL, or for the TLS types the server name (SNI)."""
        if self.type == dns01.TYPE:
            return dns01.txt_domain(self.identifier)
        if self.type == http01.TYPE:
            return http01.uri(self.identifier, self.token)
        if self.type == tlsalpn01.TYPE:
            return tlsalpn01.server_name(self.identifier, self.identifier_type)
        return tlssni01.z_domain(self.key_authorization)

    @property
    def record_name(self) -> str:
        """Name of the TXT record to write: no other record may stand beside an alias (CNAME), so its target."""
        return self.txt_target or self.place

    @property
    def description(self) -> str:
        """What is published, in words for a person."""
        if self.type == dns01.TYPE:
            return f'the TXT record {self.record_name}. "{self.validation}"'
        if self.type == http01.TYPE:
            return f"the file at {self.place}"
        return f"the certificate for {self.place}"

    @property
    def txt_domain(self) -> str | None:
        """Owner name of the TXT record, for dns-01."""
        return self.place if self.type == dns01.TYPE else None

    @property
    def uri(self) -> str | None:
        """URL from which the CA fetches the key authorization, for http-01."""
        return self.place if self.type == http01.TYPE else None

    @property
    def server_name(self) -> str | None:
        """Server name (SNI) that the CA sends, for the TLS types; the server chooses the certificate by it."""
        return self.place if self.type in TLS_TYPES else None

    @property
    def alpn(self) -> str | None:
        """The application protocol (RFC 7301) the CA will offer and the server must choose, None if there is none."""
        return tlsalpn01.ALPN if self.type == tlsalpn01.TYPE else None
