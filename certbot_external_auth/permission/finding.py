"""The data of this package: who asks for a certificate, and what DNS says against it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from certbot_external_auth.challenges import choice


@dataclass(frozen=True)
class Applicant:
    """Who asks for a certificate, and how control of the names is proved.

    :ivar issuers: the names by which CAA records know the CA, in lower case; empty if they are not known.
    :ivar account: the URI of the account at the CA; None if it is not known.
    :ivar types: the challenge types that can be used.
    """

    issuers: tuple[str, ...] = ()
    account: str | None = None
    types: tuple[str, ...] = ()

    def about(self, name: str) -> Applicant:
        """Return the same with only those types that can prove a name. A wildcard is not proven by a web server."""
        return replace(self, types=tuple(kind for kind in self.types if kind in choice.defined_for(name)))


class Kind(enum.Enum):
    """What keeps the CA from issuing. The values stand in JSON documents."""

    OTHER_CA = "caa_other_ca"
    """CAA records let only other CAs issue."""
    NO_CA = "caa_no_ca"
    """CAA records let no CA issue."""
    MALFORMED = "caa_malformed"
    """The only CAA records that could let a CA issue cannot be read."""
    CRITICAL = "caa_critical"
    """A CAA record has a tag that the CA does not know, and is marked as critical."""
    OTHER_ACCOUNT = "caa_other_account"
    """CAA records let the CA issue for another account only (``accounturi``)."""
    OTHER_METHODS = "caa_other_methods"
    """CAA records let the CA use other challenge types only (``validationmethods``)."""
    UNANSWERED = "caa_unanswered"
    """The name servers answer the question about CAA records with an error, or not at all."""
    BOGUS = "dnssec_bogus"
    """A resolver that checks signatures does not accept those of the zone."""

    @property
    def of_records(self) -> bool:
        """Whether CAA records say it."""
        return self not in (Kind.UNANSWERED, Kind.BOGUS)


@dataclass(frozen=True)
class Finding:
    """One thing that keeps the CA from issuing for a name.

    :ivar name: the name of the certificate.
    :ivar owner: the name that the records stand at, or that was asked about.
    :ivar says: the CAA records as a zone file has them; of `Kind.UNANSWERED` and `Kind.BOGUS`, the answers.
    :ivar right: a CAA record's content that would let the CA issue; empty if it is not known.
    :ivar tag: of `Kind.CRITICAL`, the unknown tag.
    :ivar servers: the servers that said so.
    :ivar errors: of `Kind.BOGUS`, the codes of the resolver's extended errors (RFC 8914 section 4).
    """

    kind: Kind
    name: str
    owner: str
    says: tuple[str, ...] = ()
    right: str = ""
    tag: str = ""
    servers: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
