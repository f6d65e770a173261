"""The rule: which records are enough, and why the others are not."""

from __future__ import annotations

import dataclasses

import pytest

from certbot_external_auth.accounts import Account
from certbot_external_auth.persistent_records import Kind, Need, judge
from certbot_external_auth.persistent_records.record import ANY_NAME, hashed_account, value
from tests.support import wrong_records
from tests.support.wrong_records import ACCOUNT, CASES, ISSUER, NEW, NOW, OLD, OTHER, PREFIX, URL, Wrong

NEED = Need("example.com", False, OLD, ACCOUNT)
WILDCARD = dataclasses.replace(NEED, wildcard=True)
HASHED = Need("example.com", False, NEW, ACCOUNT)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_wrong_record_is_found_and_named(case: Wrong) -> None:
    """Guards against: a record that the CA refuses, and a reason that sends the administrator elsewhere."""
    found = judge(case.records, case.need, NOW, (OTHER,))
    assert not found.stands
    assert (found.reason.kind, found.reason.fault) == (case.kind, case.fault)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_record_that_would_be_right_is_enough_beside_the_wrong_one(case: Wrong) -> None:
    """Guards against: advice that does not help, and one wrong record that spoils the right one."""
    assert judge([*case.records, case.need.value()], case.need, NOW).stands


def test_the_table_has_at_least_thirty_rows_and_each_kind() -> None:
    """Guards against: a reason that no case shows."""
    assert len(CASES) >= 30
    assert {case.kind for case in CASES} == set(Kind)


@pytest.mark.parametrize(
    "text",
    [
        f"{ISSUER}; accounturi={URL}",
        f"{ISSUER};accounturi={URL}",
        f"  ca.example.net ;\taccounturi = {URL} ",
        f"{ISSUER}; AccountURI={URL}; PersistUntil={NOW}",
        f"{ISSUER}; accounturi={URL}; policy=other; something=new",
    ],
)
def test_records_that_the_draft_allows(text: str) -> None:
    """Guards against: a record refused for its blanks, its capital letters in tags, or a parameter of the future."""
    assert judge([text], NEED, NOW).stands


def test_the_policy_is_compared_without_regard_to_case() -> None:
    """Guards against: policy=Wildcard, which the draft allows."""
    assert judge([f"{ISSUER}; accounturi={URL}; policy=WildCard"], WILDCARD, NOW).stands


def test_a_hash_for_any_name_is_enough() -> None:
    """Guards against: a record of draft 02 that holds for every name, which CAs must accept."""
    assert judge([value(ISSUER, hashed_account(PREFIX, ANY_NAME, ACCOUNT), False, None)], HASHED, NOW).stands


def test_the_record_that_lasts_longest_counts() -> None:
    """Guards against: a warning about the end of one record, while another one lasts longer."""
    early, late, endless = (value(ISSUER, URL, False, until) for until in (NOW + 10, NOW + 20, None))
    assert judge([early, late], NEED, NOW).until == NOW + 20
    found = judge([early, endless, late], NEED, NOW)
    assert (found.record, found.until) == (endless, None)


def test_a_record_stands_until_its_last_second() -> None:
    """Guards against: one second too early, or too late."""
    text = value(ISSUER, URL, False, NOW)
    assert judge([text], NEED, NOW).stands
    assert judge([text], NEED, NOW + 1).reason.until == NOW


def test_a_renewal_warns_within_thirty_days() -> None:
    """Guards against: no warning, and a warning about a record without an end."""
    day = 24 * 3600
    assert judge([value(ISSUER, URL, False, NOW + 30 * day - 1)], NEED, NOW).ends_soon(NOW)
    assert not judge([value(ISSUER, URL, False, NOW + 30 * day)], NEED, NOW).ends_soon(NOW)
    assert not judge([value(ISSUER, URL, False, None)], NEED, NOW).ends_soon(NOW)


def test_the_reason_that_helps_most_comes_first() -> None:
    """Guards against: "no such record", while the right one has only ended."""
    wrong = [
        "v=spf1 -all",
        value("pki.example", URL, False, None),
        value(ISSUER, OTHER.uri, False, None),
        value(ISSUER, URL, False, NOW - 1),
    ]
    kinds = [each.kind for each in judge(wrong, NEED, NOW).reasons]
    assert kinds == [Kind.EXPIRED, Kind.OTHER_ACCOUNT, Kind.OTHER_CA, Kind.UNRELATED]


def test_an_older_key_that_is_known_is_named() -> None:
    """Guards against: the account's own older hash taken for another account's."""
    older = Account(URL, "D" * 43)
    text = value(ISSUER, hashed_account(PREFIX, "example.com", older), False, None)
    reason = judge([text], HASHED, NOW, (older,)).reason
    assert (reason.kind, reason.found) == (Kind.OTHER_KEY, URL)


def test_the_facts_name_what_was_found_and_what_is_wanted() -> None:
    """Guards against: a reason without what an administrator must compare."""
    reason = judge([value(ISSUER, wrong_records.STAGING, False, None)], NEED, NOW).reason
    assert (reason.found, reason.wanted) == (wrong_records.STAGING, (URL,))


def test_a_long_name_does_not_break_the_search_for_what_a_hash_was_made_of() -> None:
    """Guards against: a name of 253 characters, whose record's name is too long for one octet of length."""
    domain = ".".join(["a" * 49] * 5) + ".com"
    need = Need(domain, False, NEW, ACCOUNT)
    assert judge([value(ISSUER, f"{PREFIX}sha-256/{'x' * 43}", False, None)], need, NOW).reason.kind is Kind.OTHER_KEY
