"""Reads what a CA offers, and which draft of dns-persist-01 it speaks, from its directory and its challenge. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from certbot_external_auth.persistent_records.record import Draft, Terms
from certbot_external_auth.persistent_records.trust import is_issuer, is_uri

MAX_ISSUERS = 10
"""Of one challenge: the client must refuse more."""
_DIRECTORY_NAMES, _PREFIX, _OLD_NAMES = "issuerDomainNames", "accountHashPrefix", "issuer-domain-names"


class Problem(enum.Enum):
    """Why an offer cannot be used."""

    NO_ISSUERS = "no_issuers"
    """The CA names itself neither in the directory nor in the challenge."""
    TOO_MANY_ISSUERS = "too_many_issuers"
    BAD_ISSUER = "bad_issuer"
    """A name of the CA is not a normalized domain name."""
    ISSUER_MISSING = "issuer_missing"
    """Draft 02: the directory has a name that the challenge does not have."""
    ISSUER_NOT_IN_CAA = "issuer_not_in_caa"
    """Draft 02: the challenge has a name that is not one of the directory's caaIdentities."""
    BAD_PREFIX = "bad_prefix"
    """Draft 02: accountHashPrefix cannot be the beginning of a URI in a record."""
    NO_PREFIX = "no_prefix"
    """The challenge is one of draft 02, but the directory lacks what draft 02 needs."""
    OTHER_ACCOUNT = "other_account"
    """Draft 01: accounturi of the challenge is not the account that asked."""


class OfferError(ValueError):
    """An offer that cannot be used.

    :param found: what the server sent.
    :param wanted: what it should have been, if that is one text.
    """

    def __init__(self, problem: Problem, found: object = "", wanted: str = "") -> None:
        self.problem = problem
        self.found = str(found)
        self.wanted = wanted
        super().__init__(problem.value)


def of_directory(meta: Mapping[str, Any]) -> Terms:
    """Return what a CA wants in a record, from its directory alone.

    Records of drafts 00 and 01 are the same. A directory does not tell which of them the CA speaks.

    :param meta: the field ``meta`` of the directory (RFC 8555 section 7.1.1), as the server sent it.
    :raises OfferError: if the directory does not tell, or is not well formed.
    """
    if _speaks_hashes(meta):
        return Terms(Draft.D02, _issuers(meta[_DIRECTORY_NAMES]), _prefix(meta))
    # A list for CAA may be longer. The first of them are enough, because any of the CA's names will do.
    return Terms(Draft.D01, _issuers(_identities(meta)[:MAX_ISSUERS]))


def of_challenge(meta: Mapping[str, Any], challenge: Mapping[str, Any], account_uri: str) -> Terms:
    """Return what a CA wants in a record, from its directory and its challenge.

    :param meta: see `of_directory`.
    :param challenge: the challenge object, as the server sent it.
    :param account_uri: the account that asks.
    :raises OfferError: if the offer is not well formed, or would authorize another account.
    """
    if _speaks_hashes(meta):
        issuers = _issuers(challenge.get(_DIRECTORY_NAMES))
        _compare(meta, issuers)
        return Terms(Draft.D02, issuers, _prefix(meta))
    if _OLD_NAMES not in challenge and _DIRECTORY_NAMES in challenge:
        raise OfferError(Problem.NO_PREFIX)
    named = challenge.get("accounturi")
    if named is not None and named != account_uri:
        raise OfferError(Problem.OTHER_ACCOUNT, named, account_uri)
    return Terms(Draft.D00 if named is None else Draft.D01, _issuers(challenge.get(_OLD_NAMES)))


def _speaks_hashes(meta: Mapping[str, Any]) -> bool:
    """Tell whether a CA speaks draft 02, which is the first one that has these fields in the directory."""
    return _DIRECTORY_NAMES in meta and _PREFIX in meta


def _issuers(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not names:
        raise OfferError(Problem.NO_ISSUERS)
    if len(names) > MAX_ISSUERS:
        raise OfferError(Problem.TOO_MANY_ISSUERS, len(names))
    for name in names:
        if not is_issuer(name):
            raise OfferError(Problem.BAD_ISSUER, name)
    return tuple(dict.fromkeys(names))


def _compare(meta: Mapping[str, Any], issuers: tuple[str, ...]) -> None:
    """Check that the directory's names are among the challenge's, and these among its caaIdentities, if it has any."""
    for name in _issuers(meta[_DIRECTORY_NAMES]):
        if name not in issuers:
            raise OfferError(Problem.ISSUER_MISSING, name)
    identities = _identities(meta)
    for name in issuers:
        if identities and name not in identities:
            raise OfferError(Problem.ISSUER_NOT_IN_CAA, name)


def _identities(meta: Mapping[str, Any]) -> list[Any]:
    """Return the CA's names for CAA records (RFC 8555 section 9.7.6), which no rule wants in lower case."""
    names = meta.get("caaIdentities")
    listed = names if isinstance(names, list) else []
    return [name.lower().removesuffix(".") if isinstance(name, str) else name for name in listed]


def _prefix(meta: Mapping[str, Any]) -> str:
    prefix = meta[_PREFIX]
    if not is_uri(prefix):
        raise OfferError(Problem.BAD_PREFIX, prefix)
    return str(prefix)
