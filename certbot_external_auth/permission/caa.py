"""What CAA records let a CA do. Pure functions; RFC 8659 has the records, RFC 8657 two of their parameters.

Every function takes the records of one name: those that count for a certificate's name, see `climb`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.permission.finding import Applicant, Kind

CRITICAL = 128
"""Bit 0 of the flags (RFC 8659 section 4.1): a CA that does not know the tag must not issue."""
KNOWN_TAGS = ("issue", "issuewild", "iodef", "issuemail")
"""Every CA knows those of RFC 8659 sections 4.2 to 4.4, and those that issue for web servers let RFC 9495 be. IANA's
registry has more tags. Let's Encrypt, for one, does not know these."""

_LABEL = r"[A-Za-z0-9](?:-*[A-Za-z0-9])*"
_ISSUER = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)")
_PARAMETER = re.compile(rf"({_LABEL})[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)")
_METHODS = re.compile(r"(?:[A-Za-z0-9-]+(?:,[A-Za-z0-9-]+)*)?")


@dataclass(frozen=True)
class Record:
    """One CAA record.

    :ivar tag: in lower case, since case does not matter (RFC 8659 section 4.1).
    """

    flags: int
    tag: str
    value: str

    def __str__(self) -> str:
        return f'{self.flags} {self.tag} "{self.value}"'


@dataclass(frozen=True)
class Issue:
    """The value of an ``issue`` or ``issuewild`` record.

    :ivar issuer: the CA's name in lower case; empty if the record lets no CA issue.
    """

    issuer: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def of(self, tag: str) -> list[str]:
        """Return the values of a parameter."""
        return [value for name, value in self.parameters if name == tag]


def climb(name: str) -> Iterator[str]:
    """Yield the names at which records may stand that count for a name, the nearest first (RFC 8659 section 3).

    The first of them that has any CAA record is the only one that counts. For a wildcard, they begin with the name
    below which it stands. The root has none that count.
    """
    labels = name.removeprefix("*.").rstrip(".").lower().split(".")
    for index in range(len(labels)):
        yield ".".join(labels[index:])


def parsed(value: str) -> Issue | None:
    """Return the content of an ``issue`` or ``issuewild`` record (RFC 8659 section 4.2).

    None if it is malformed. Such a record lets no CA issue.
    """
    first, *others = value.split(";")
    issuer = first.strip(" \t")
    if issuer and not _ISSUER.fullmatch(issuer):
        return None
    found = []
    for part in others:
        text = part.strip(" \t")
        parameter = _PARAMETER.fullmatch(text)
        if parameter is not None:
            found.append((parameter[1].lower(), parameter[2]))
        elif text or len(others) > 1:
            # `ca.example;` has no parameter. Behind a parameter, a semicolon must have another one.
            return None
    return Issue(issuer.lower(), tuple(found))


def unknown_critical(records: Sequence[Record]) -> list[Record]:
    """Return the records that keep every CA from issuing that does not know them (RFC 8659 section 4.5)."""
    return [one for one in records if one.flags & CRITICAL and one.tag not in KNOWN_TAGS]


def for_issuing(records: Sequence[Record], wildcard: bool) -> list[Record]:
    """Return the records that say which CAs may issue: for a wildcard ``issuewild``, if there is any.

    If the list is empty, every CA may (RFC 8659 sections 4.2 and 4.3).
    """
    wild = [one for one in records if one.tag == "issuewild"]
    return wild if wildcard and wild else [one for one in records if one.tag == "issue"]


def suits_account(issue: Issue, account: str | None) -> bool:
    """Tell whether a record lets this account order (RFC 8657 section 3).

    The URI must be the same, character by character. A record that names two lets none order.

    :param account: None if it is not known; then every record suits it.
    """
    named = issue.of("accounturi")
    return not named or (len(named) == 1 and account in (None, named[0]))


def suits_methods(issue: Issue, types: Collection[str]) -> bool:
    """Tell whether a record lets the CA use one of these challenge types (RFC 8657 section 4).

    The types are compared whole: ``dns-01`` does not cover ``dns-account-01`` or ``dns-persist-01``.

    :param types: empty if they are not known; then every record suits them.
    """
    named = issue.of("validationmethods")
    if not named or not types:
        return True
    return len(named) == 1 and bool(_METHODS.fullmatch(named[0])) and bool(set(named[0].split(",")) & set(types))


def judge(records: Sequence[Record], wildcard: bool, applicant: Applicant) -> Kind | None:
    """Say why these records do not let the CA issue; None if they do, or if that is not known.

    One record that lets it issue is enough (RFC 8659 section 4.2).
    """
    if unknown_critical(records):
        return Kind.CRITICAL
    restricting = for_issuing(records, wildcard)
    if not restricting:
        return None
    issues = [found for one in restricting if (found := parsed(one.value)) is not None]
    if not any(one.issuer for one in issues):
        return Kind.NO_CA if len(issues) == len(restricting) else Kind.MALFORMED
    if not applicant.issuers:
        return None
    ours = [one for one in issues if one.issuer in applicant.issuers]
    if not ours:
        return Kind.OTHER_CA
    right_account = [one for one in ours if suits_account(one, applicant.account)]
    if not right_account:
        return Kind.OTHER_ACCOUNT
    return None if any(suits_methods(one, applicant.types) for one in right_account) else Kind.OTHER_METHODS


def right(records: Sequence[Record], wildcard: bool, applicant: Applicant) -> str:
    """Return the content of a record that would let the CA issue beside these; empty if the CA's name is not known.

    It names the account or the challenge types only if a record for this CA does so.
    """
    restricting = for_issuing(records, wildcard)
    if not applicant.issuers or not restricting:
        return ""
    read = [found for one in restricting if (found := parsed(one.value)) is not None]
    ours = [one for one in read if one.issuer in applicant.issuers]
    parts = [applicant.issuers[0]]
    if applicant.account and any(one.of("accounturi") for one in ours):
        parts.append(f"accounturi={applicant.account}")
    if any(one.of("validationmethods") for one in ours):
        parts.append(f"validationmethods={','.join(applicant.types)}")
    return str(Record(0, restricting[0].tag, "; ".join(parts)))
