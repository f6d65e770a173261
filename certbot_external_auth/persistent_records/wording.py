"""The words for why no record is enough, and for what to publish. Pure functions.

Text from the DNS and from servers is quoted, so it cannot move the cursor or pretend to be a sentence of ours.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping

from certbot_external_auth.persistent_records.issue_value import Fault
from certbot_external_auth.persistent_records.offer import OfferError, Problem
from certbot_external_auth.persistent_records.reason import Kind, Reason
from certbot_external_auth.persistent_records.record import Need, strings
from certbot_external_auth.text import counted, quoted

_DAY = 24 * 3600


def missing(reason: Reason, need: Need) -> str:
    """Say why no record at a name is enough, and which one would be."""
    return f"{because(reason, need)} {right(need)}"


def right(need: Need, until: int | None = None) -> str:
    """Say which record to publish."""
    return f"This record is right: {need.place}. TXT {quoted_strings(need.value(until))}"


def quoted_strings(text: str) -> str:
    """Return a record's text as zone files have it: each of its strings in quotation marks (RFC 1035 section 5.1)."""
    return " ".join(f'"{string}"' for string in strings(text))


def because(reason: Reason, need: Need) -> str:
    """Say why no record at a name is enough."""
    return _SENTENCES[reason.kind](reason, need)


def ending(domain: str, until: int, now: int) -> str:
    """Say that a record ends soon, or has ended."""
    when = f"on {date(until)}"
    if until < now:
        return f"The dns-persist-01 record of {domain} ended {when}. Publish one that lasts longer."
    left = counted((until - now) // _DAY, "day")
    return (
        f"The dns-persist-01 record of {domain} ends {when}, in {left}. Publish one that lasts longer before then, "
        "or the certificate cannot be renewed."
    )


def date(moment: int) -> str:
    """Write a moment, or the number of its seconds if no calendar reaches it."""
    try:
        return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {moment} since 1970"


def _listed(texts: tuple[str, ...]) -> str:
    return " or ".join(texts)


def _expired(reason: Reason, need: Need) -> str:
    return f"The record at {need.place} ended on {date(reason.until or 0)} (persistUntil)."


def _no_wildcard_policy(reason: Reason, need: Need) -> str:
    has = f"has policy={quoted(reason.found)}" if reason.found else "has no policy"
    return f"The record at {need.place} {has}, so it does not allow *.{need.domain}: that needs policy=wildcard."


def _issuer_form(reason: Reason, need: Need) -> str:
    return (
        f"The record at {need.place} names the CA as {quoted(reason.found)}. Write {_listed(reason.wanted)}, in lower "
        "case and without a dot at the end: some CAs compare letter by letter."
    )


def _other_draft(reason: Reason, need: Need) -> str:
    if need.terms.draft.hashes:
        return (
            f"The record at {need.place} has the account's URL, as older drafts of dns-persist-01 want it. The CA "
            "speaks draft 02, which wants a hash there."
        )
    return (
        f"The record at {need.place} has a hash of the account's URL, as draft 02 of dns-persist-01 wants it. The CA "
        f"speaks draft {need.terms.draft.value}, which wants the URL itself."
    )


def _other_name(reason: Reason, need: Need) -> str:
    return (
        f"The hash in the record at {need.place} was made for {quoted(reason.found)}. Each name needs a record of its "
        f"own, made for {need.domain}."
    )


def _other_hash(reason: Reason, need: Need) -> str:
    return f"The hash in the record at {need.place} is of this account, but not written as draft 02 wants it."


def _other_key(reason: Reason, need: Need) -> str:
    return (
        f"The hash in the record at {need.place} does not fit this account and its key. It was made with an older key "
        "of the account, or for another account."
    )


def _test_server(reason: Reason, need: Need) -> str:
    return (
        f"The record at {need.place} is for an account at a staging server, {quoted(reason.found)}. A dry run uses "
        "that account; the certificate comes from another server, which has another account."
    )


def _not_test_server(reason: Reason, need: Need) -> str:
    return (
        f"The record at {need.place} is for an account at another server, {quoted(reason.found)}. This run asks a "
        "staging server, which has another account. It can be right for a run that is not a dry run: publish the "
        "second record beside it."
    )


def _other_account(reason: Reason, need: Need) -> str:
    return (
        f"The record at {need.place} is for another account at the same server, {quoted(reason.found)}. Certbot uses "
        f"{need.account.uri}."
    )


def _other_server(reason: Reason, need: Need) -> str:
    return f"The record at {need.place} names the CA, but an account elsewhere: {quoted(reason.found)}."


def _other_ca(reason: Reason, need: Need) -> str:
    return (
        f"The record at {need.place} is for another CA, {quoted(reason.found)}; this one is {_listed(reason.wanted)}. "
        "Both records can stand beside each other."
    )


def _unrelated(reason: Reason, need: Need) -> str:
    return f"{need.place} has TXT records, but none for dns-persist-01: {quoted(reason.record)}."


def _no_record(reason: Reason, need: Need) -> str:
    return f"There is no TXT record at {need.place}."


def _syntax(reason: Reason, need: Need) -> str:
    assert reason.fault is not None
    return (
        f"The record at {need.place} cannot be read: {_FAULTS[reason.fault].format(quoted(reason.found))}. The record "
        f"is {quoted(reason.record, 300)}."
    )


_SENTENCES: Mapping[Kind, Callable[[Reason, Need], str]] = {
    Kind.EXPIRED: _expired,
    Kind.NO_WILDCARD_POLICY: _no_wildcard_policy,
    Kind.ISSUER_FORM: _issuer_form,
    Kind.SYNTAX: _syntax,
    Kind.OTHER_DRAFT: _other_draft,
    Kind.OTHER_NAME: _other_name,
    Kind.OTHER_HASH: _other_hash,
    Kind.OTHER_KEY: _other_key,
    Kind.TEST_SERVER: _test_server,
    Kind.NOT_TEST_SERVER: _not_test_server,
    Kind.OTHER_ACCOUNT: _other_account,
    Kind.OTHER_SERVER: _other_server,
    Kind.OTHER_CA: _other_ca,
    Kind.UNRELATED: _unrelated,
    Kind.NO_RECORD: _no_record,
}
_FAULTS = {
    Fault.NO_ISSUER: "it does not begin with the CA's name",
    Fault.BAD_ISSUER: "{} stands where the CA's name and a semicolon belong",
    Fault.TRAILING_SEMICOLON: "it ends with a semicolon",
    Fault.EMPTY_PARAMETER: "it has two semicolons with nothing between them",
    Fault.NO_EQUALS_SIGN: "{} has no equals sign",
    Fault.BAD_TAG: "{} is not the name of a parameter",
    Fault.DUPLICATE_TAG: "it has {} twice",
    Fault.BAD_CHARACTER: "the value {} has a character that is not allowed",
    Fault.NO_ACCOUNT: "it has no accounturi",
    Fault.BAD_TIME: "persistUntil is {}, not a number of seconds since 1970",
    Fault.QUOTES: "quotation marks are part of it",
    Fault.BACKSLASH: "backslashes are part of it",
    Fault.BLANK: "a blank stands inside a value, as if a long text had been split there",
    Fault.SPLIT: "it is only a half, and {} is the other one; both must be strings of one record",
    Fault.CUT: "it was cut after 255 characters; a longer text needs several strings in one record",
}


def offer(error: OfferError) -> str:
    """Say why the CA's offer of dns-persist-01 cannot be used."""
    return f"The CA's offer of dns-persist-01 cannot be used: {_OFFERS[error.problem].format(*_facts(error))}."


def _facts(error: OfferError) -> tuple[str, str]:
    return quoted(error.found), error.wanted


_OFFERS = {
    Problem.NO_ISSUERS: "it does not say by which names the CA is known",
    Problem.TOO_MANY_ISSUERS: "it has {0} names of the CA, and 10 are allowed",
    Problem.BAD_ISSUER: "{0} is not a domain name in lower case",
    Problem.ISSUER_MISSING: "the directory names {0}, and the challenge does not",
    Problem.ISSUER_NOT_IN_CAA: "{0} is not one of the directory's caaIdentities",
    Problem.BAD_PREFIX: "accountHashPrefix of the directory is {0}, which cannot stand in a record",
    Problem.NO_PREFIX: "the challenge is one of draft 02, and the directory lacks issuerDomainNames or "
    "accountHashPrefix",
    Problem.OTHER_ACCOUNT: "it would authorize the account {0}, and this account is {1}",
}
