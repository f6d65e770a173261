"""The syntax of records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.persistent_records.issue_value import Fault, IssueValueError, parse
from certbot_external_auth.persistent_records.judgement import judge
from certbot_external_auth.persistent_records.record import MAX_TIME, read, value
from tests.support.wrong_records import CASES, NOW, OTHER, Wrong

PIECES = st.lists(
    st.sampled_from(
        ["ca.example", ";", "=", " ", "\t", "accounturi", "policy", "persistUntil", "https://ca.example/a", '"', "\\"]
        + ["é", "9" * 30, "-1", "²", "", "wildcard", "sha-256/", "A" * 43, "\x00", "\ud800"]
    ),
    max_size=20,
).map("".join)


@given(st.one_of(st.text(), PIECES))
def test_reading_raises_only_its_own_error(text: str) -> None:
    """Guards against: a TXT record of anybody that ends a run with a traceback."""
    try:
        record = read(text)
    except IssueValueError:
        return
    assert record.account


@given(st.lists(st.one_of(st.text(), PIECES), max_size=4), st.sampled_from(CASES))
def test_judging_never_fails(texts: list[str], case: Wrong) -> None:
    """Guards against: records beside ours that break the rule, or that are shown without a reason."""
    found = judge(texts, case.need, NOW, (OTHER,))
    assert found.stands or found.reason.kind


LABELS = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\Z")
ISSUERS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=";"), min_size=1)


@given(ISSUERS, VALUES, st.booleans(), st.none() | st.integers(0, MAX_TIME))
def test_what_is_written_is_read(issuer: str, account: str, wildcard: bool, until: int | None) -> None:
    """Guards against: a record that we write, and then do not recognize."""
    record = read(value(issuer, account, wildcard, until))
    assert (record.issuer, record.account, record.wildcard, record.until) == (issuer, account, wildcard, until)


def test_a_name_alone_is_an_issue_value() -> None:
    """Guards against: RFC 8659 section 4.2, where the parameters may be missing, with or without the semicolon."""
    assert parse("ca.example").parameters == parse("ca.example;").parameters == {}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ca.example; persistUntil=-1; accounturi=a", "-1"),
        ("ca.example; persistUntil=²; accounturi=a", "²"),
        (f"ca.example; accounturi=a; persistUntil={MAX_TIME + 1}", str(MAX_TIME + 1)),
        ("ca.example; accounturi=a; persistUntil=" + "9" * 5000, "9" * 5000),
        ("ca.example; accounturi=a; persistUntil=", ""),
    ],
)
def test_a_time_is_a_number_that_a_ca_can_keep(text: str, part: str) -> None:
    """Guards against: what Python takes for a number and a CA does not, and numbers too long for Python."""
    with pytest.raises(IssueValueError) as raised:
        read(text)
    assert raised.value.part == part
    assert raised.value.fault in (Fault.BAD_TIME, Fault.BAD_CHARACTER)
