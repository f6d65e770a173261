"""The rule: does a record at a name allow what is needed, as the drafts say, and else why not? Pure functions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.accounts import Account
from certbot_external_auth.persistent_records import other_accounts, repair
from certbot_external_auth.persistent_records.issue_value import Fault, IssueValueError
from certbot_external_auth.persistent_records.reason import HELPFUL, Kind, Reason
from certbot_external_auth.persistent_records.record import Need, Record, read

WARN_SECONDS = 30 * 24 * 3600
"""A renewal warns when a record ends within this time."""
MAX_HALVES = 8
"""Records that are tried as halves of one."""


@dataclass(frozen=True)
class Judgement:
    """What the records at a name allow.

    :ivar stands: one of the records allows what is needed.
    :ivar record: the record that does, the one that lasts longest.
    :ivar until: its end; None if it has none, or if no record stands.
    :ivar reasons: why the records do not, the one that helps most first; empty if one stands.
    """

    stands: bool
    record: str = ""
    until: int | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def reason(self) -> Reason:
        """The reason that helps most. MUST only be asked for if no record stands."""
        return self.reasons[0]

    def ends_soon(self, now: int) -> bool:
        """Tell whether a renewal should warn that the record ends."""
        return self.until is not None and self.until - now < WARN_SECONDS


def judge(values: Sequence[str], need: Need, now: int, others: Sequence[Account] = ()) -> Judgement:
    """Return what the records at a name allow. One of them is enough; the CA ignores the others.

    :param values: all TXT records at the name, the strings of each joined.
    :param now: the time in seconds since 1970.
    :param others: other accounts that are known here, to recognize their hashes.
    """
    if not values:
        return Judgement(False, reasons=(Reason(Kind.NO_RECORD),))
    found = {text: _of_one(text, need, now, others) for text in dict.fromkeys(values)}
    standing = {text: each for text, each in found.items() if isinstance(each, Record)}
    if standing:
        text, record = max(standing.items(), key=lambda item: _end(item[1]))
        return Judgement(True, text, record.until)
    reasons = [*_halves(list(found), need), *(each for each in found.values() if isinstance(each, Reason))]
    return Judgement(False, reasons=tuple(sorted(reasons, key=lambda each: HELPFUL.index(each.kind))))


def _end(record: Record) -> float:
    return float("inf") if record.until is None else record.until


def _of_one(text: str, need: Need, now: int, others: Sequence[Account]) -> Record | Reason:
    """Return a record that is enough, or why it is not."""
    try:
        record = read(text)
    except IssueValueError as error:
        return _unreadable(text, error, need)
    issuer = record.issuer.lower().removesuffix(".")
    if issuer not in need.terms.issuers:
        return Reason(Kind.OTHER_CA, text, record.issuer, need.terms.issuers)
    return other_accounts.problem(text, record, need, others) or _limits(text, record, need, now) or record


def _limits(text: str, record: Record, need: Need, now: int) -> Reason | None:
    """Return how a record of the right account is not enough."""
    if record.until is not None and now > record.until:
        return Reason(Kind.EXPIRED, text, str(record.until), until=record.until)
    if need.wildcard and not record.wildcard:
        return Reason(Kind.NO_WILDCARD_POLICY, text, record.policy, ("wildcard",))
    if record.issuer not in need.terms.issuers:
        return Reason(Kind.ISSUER_FORM, text, record.issuer, need.terms.issuers)
    return None


def _unreadable(text: str, error: IssueValueError, need: Need) -> Reason:
    """Return why a record cannot be read, if it is meant for this CA; a CA ignores what is not."""
    repaired = repair.fault(text, need.terms.issuers)
    if repaired is not None:
        return Reason(Kind.SYNTAX, text, error.part, fault=repaired)
    if error.issuer in need.terms.issuers or any(each in text for each in need.account_values):
        return Reason(Kind.SYNTAX, text, error.part, fault=error.fault)
    if error.issuer and ";" in text:
        return Reason(Kind.OTHER_CA, text, error.issuer, need.terms.issuers)
    return Reason(Kind.UNRELATED, text)


def _halves(texts: Sequence[str], need: Need) -> Iterator[Reason]:
    """Yield the reason that two records are the halves of a right one."""
    for first, second in itertools.permutations(texts[:MAX_HALVES], 2):
        for joined in (first + second, f"{first} {second}"):
            if repair.reads(joined, need.terms.issuers, need.account_values):
                yield Reason(Kind.SYNTAX, first, second, fault=Fault.SPLIT)
                return
