"""Writes and reads the record of draft-ietf-acme-dns-persist, in the forms of its drafts 00, 01 and 02. Pure."""

from __future__ import annotations

import base64
import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from certbot_external_auth.accounts import Account
from certbot_external_auth.persistent_records.issue_value import Fault, IssueValueError, parse

LABEL = "_validation-persist"
MAX_NAME = 253
"""Characters of a name, written without a dot at its end."""
MAX_STRING = 255
"""Octets of one string of a TXT record (RFC 1035 section 3.3)."""
ANY_NAME = "*"
"""Stands for the name in a hash that holds for every name. CAs must accept it (draft 02)."""
ALGORITHM = "sha-256"
MAX_TIME = 2**63 - 1
"""CAs keep the time in 64 bits."""


class Draft(enum.Enum):
    """A version of draft-ietf-acme-dns-persist."""

    D00 = "00"
    D01 = "01"
    D02 = "02"

    @property
    def hashes(self) -> bool:
        """Whether the record has a hash of the account's URL instead of the URL."""
        return self is Draft.D02


@dataclass(frozen=True)
class Terms:
    """What a CA wants in a record.

    :ivar issuers: the CA's names. A record may have any of them.
    :ivar hash_prefix: the beginning of accounturi in a record of draft 02.
    """

    draft: Draft
    issuers: tuple[str, ...]
    hash_prefix: str = ""


@dataclass(frozen=True)
class Need:
    """What a record must allow.

    :ivar domain: the name that is proven: in lower case, without ``*.`` and without a dot at its end.
    :ivar wildcard: the certificate has a wildcard of the name.
    """

    domain: str
    wildcard: bool
    terms: Terms
    account: Account

    @property
    def place(self) -> str:
        """Name of the record."""
        return record_name(self.domain)

    @property
    def account_values(self) -> tuple[str, ...]:
        """The values of accounturi that the CA accepts, the one to publish first."""
        if not self.terms.draft.hashes:
            return (self.account.uri,)
        return tuple(hashed_account(self.terms.hash_prefix, name, self.account) for name in (self.domain, ANY_NAME))

    def value(self, until: int | None = None) -> str:
        """Return the record to publish. :param until: the value of persistUntil."""
        return value(self.terms.issuers[0], self.account_values[0], self.wildcard, until)


@dataclass(frozen=True)
class Record:
    """A record that could be read.

    :ivar issuer: as it is written.
    :ivar policy: empty if there is none.
    :ivar until: None if the record has no end.
    """

    issuer: str
    account: str
    policy: str = ""
    until: int | None = None

    @property
    def wildcard(self) -> bool:
        """Whether it allows wildcards. The draft compares the value without regard to case."""
        return self.policy.lower() == "wildcard"


def proven(names: Iterable[str]) -> dict[str, bool]:
    """Return the domains that some names need a record for, and whether it must allow wildcards.

    :param names: of a certificate, wildcards with ``*.``. A domain and its wildcard share the record.
    """
    found: dict[str, bool] = {}
    for name in names:
        whole = name.lower().removesuffix(".")
        domain = whole.removeprefix("*.")
        found[domain] = found.get(domain, False) or domain != whole
    return found


def record_name(domain: str) -> str:
    """Return the name of the record: "prepending the label '_validation-persist' to the domain name"."""
    return f"{LABEL}.{domain}"


def fits(domain: str) -> bool:
    """Tell whether a domain can have a record: a name has up to 253 characters (RFC 1035 section 2.3.4)."""
    return len(record_name(domain)) <= MAX_NAME


def value(issuer: str, account: str, wildcard: bool, until: int | None) -> str:
    """Return the text of a record: an issue-value with the parameters of the draft."""
    parts = [issuer, f"accounturi={account}"]
    parts += ["policy=wildcard"] if wildcard else []
    parts += [f"persistUntil={until}"] if until is not None else []
    return "; ".join(parts)


def strings(text: str) -> tuple[str, ...]:
    """Return a record's text as the strings of one TXT record, of at most 255 octets (RFC 1035 section 3.3)."""
    return tuple(text[at : at + MAX_STRING] for at in range(0, len(text), MAX_STRING))


def account_hash(domain: str, account: Account) -> str:
    """Return the hash of draft 02: of the name's length, the name, the thumbprint's characters, and the URL."""
    name = domain.encode("ascii")
    digest = hashlib.sha256(
        bytes([len(name)]) + name + account.thumbprint.encode("ascii") + account.uri.encode("ascii")
    )
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")


def hashed_account(prefix: str, domain: str, account: Account) -> str:
    """Return accounturi as a record of draft 02 has it."""
    return f"{prefix}{ALGORITHM}/{account_hash(domain, account)}"


def read(text: str) -> Record:
    """Read a record.

    :param text: the strings of the TXT record, joined.
    :raises IssueValueError: for a text that is not such a record.
    """
    found = parse(text)
    issuer = found.issuer.lower().removesuffix(".")
    account = found.parameters.get("accounturi", "")
    if not account:
        raise IssueValueError(Fault.NO_ACCOUNT, issuer=issuer)
    until = found.parameters.get("persistuntil")
    return Record(found.issuer, account, found.parameters.get("policy", ""), _time(until, issuer))


def _time(text: str | None, issuer: str) -> int | None:
    """Read persistUntil: "a base-10 encoded integer representing a UNIX timestamp"."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text.lstrip("0")) <= len(str(MAX_TIME))) or int(text) > MAX_TIME:
        raise IssueValueError(Fault.BAD_TIME, text, issuer)
    return int(text)
