"""Says for which other account a record was made, or in which other form. Pure functions."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence

from certbot_external_auth.accounts import Account, origin
from certbot_external_auth.persistent_records.issue_value import Fault
from certbot_external_auth.persistent_records.reason import Kind, Reason
from certbot_external_auth.persistent_records.record import (
    ANY_NAME,
    MAX_STRING,
    Need,
    Record,
    account_hash,
    record_name,
)

MAX_NAME = 255
_HASH = re.compile(r"(?P<prefix>.*?)(?P<algorithm>sha-?\d{1,4})/(?P<hash>[A-Za-z0-9_+/-]{40,90}=*)", re.IGNORECASE)
# Names of the servers for trials: acme-staging-v02.api.letsencrypt.org, dv.acme-v02.test-api.pki.goog.
_STAGING = re.compile(r"(?:^|[.-])(?:staging|test|sandbox)(?:[.-]|$)")


def is_staging(url: str) -> bool:
    """Tell whether a URL lies at a server for trials, as far as its name tells."""
    place = origin(url)
    return place is not None and _STAGING.search(place[1]) is not None


def problem(text: str, record: Record, need: Need, others: Sequence[Account] = ()) -> Reason | None:
    """Return why the CA does not take the account of a record for the one that asks; None if it does.

    :param others: other accounts that are known here.
    """
    if record.account in need.account_values:
        return None
    if len(text) == MAX_STRING and any(each.startswith(record.account) for each in need.account_values):
        return Reason(Kind.SYNTAX, text, record.account, need.account_values, Fault.CUT)
    hashed = _HASH.fullmatch(record.account)
    if need.terms.draft.hashes:
        kind, found = _of_hash(hashed, need, others) if hashed else _of_url(record.account, need)
    elif hashed and _speaks_of(hashed, need):
        kind, found = Kind.OTHER_DRAFT, record.account
    else:
        kind, found = _of_url(record.account, need)
    return Reason(kind, text, found, need.account_values[:1], draft=need.terms.draft)


def _of_url(uri: str, need: Need) -> tuple[Kind, str]:
    """Return what a URL in place of the right value is."""
    own = need.account.uri
    if uri == own:
        return Kind.OTHER_DRAFT, uri
    if origin(uri) == origin(own):
        return Kind.OTHER_ACCOUNT, uri
    if is_staging(uri) and not is_staging(own):
        return Kind.TEST_SERVER, uri
    if is_staging(own) and not is_staging(uri) and origin(uri) is not None:
        return Kind.NOT_TEST_SERVER, uri
    return Kind.OTHER_SERVER, uri


def _speaks_of(hashed: re.Match[str], need: Need) -> bool:
    """Tell whether a hash is of the account that asks, for a CA of an older draft."""
    known = {account_hash(name, need.account) for name in (need.domain, ANY_NAME)}
    return hashed["hash"] in known or origin(hashed["prefix"]) == origin(need.account.uri)


def _of_hash(hashed: re.Match[str], need: Need, others: Sequence[Account]) -> tuple[Kind, str]:
    """Return what a hash in place of the right one was made of."""
    found = hashed["hash"].rstrip("=").replace("+", "-").replace("/", "_")
    name = next((name for name, made in _made(_names(need.domain), need.account) if made == found), None)
    if name is not None:
        return Kind.OTHER_NAME, name
    if found in {*_right(need), *_misunderstood(need)}:
        return Kind.OTHER_HASH, hashed[0]
    for other in others:
        if found in {account_hash(each, other) for each in (need.domain, ANY_NAME)}:
            return (Kind.OTHER_KEY if other.uri == need.account.uri else _of_url(other.uri, need)[0]), other.uri
    foreign = origin(hashed["prefix"]) != origin(need.terms.hash_prefix)
    return (_of_url(hashed["prefix"], need)[0] if foreign else Kind.OTHER_KEY), hashed[0]


def _right(need: Need) -> Iterator[str]:
    return (account_hash(name, need.account) for name in (need.domain, ANY_NAME))


def _names(domain: str) -> Iterator[str]:
    """Yield names that are mistaken for the name in a hash: those above it, and other ways to write it."""
    yield from (record_name(domain), f"*.{domain}", f"{domain}.", domain.upper(), "")
    labels = domain.split(".")
    yield from (".".join(labels[at:]) for at in range(1, len(labels)))


def _made(names: Iterator[str], account: Account) -> Iterator[tuple[str, str]]:
    """Yield each name with its hash. The length of a name is one octet of what is hashed."""
    return ((name, account_hash(name, account)) for name in names if len(name) <= MAX_NAME)


def _misunderstood(need: Need) -> Iterator[str]:
    """Yield the hashes of clients that take the thumbprint's 32 octets instead of its 43 characters."""
    try:
        thumbprint = base64.urlsafe_b64decode(need.account.thumbprint + "=")
    except ValueError:
        return
    for name in (need.domain, ANY_NAME):
        whole = bytes([len(name)]) + name.encode("ascii") + thumbprint + need.account.uri.encode("ascii")
        yield base64.urlsafe_b64encode(hashlib.sha256(whole).digest()).rstrip(b"=").decode("ascii")
