"""Records as they are written, against the vectors of draft 02."""

from __future__ import annotations

import pytest

from certbot_external_auth.accounts import Account
from certbot_external_auth.persistent_records import Draft, Need, Terms, proven, record_name, strings
from certbot_external_auth.persistent_records.record import account_hash

VECTOR = Account("https://ca.example/acct/123", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.com", "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"),
        ("*", "NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"),
    ],
)
def test_the_hash_is_that_of_the_draft(domain: str, expected: str) -> None:
    """Guards against: a hash of the thumbprint's octets, or without the length of the name."""
    assert account_hash(domain, VECTOR) == expected


def test_the_name_of_the_record() -> None:
    """Guards against: the name of dns-01."""
    assert record_name("example.com") == "_validation-persist.example.com"


@pytest.mark.parametrize("draft", [Draft.D00, Draft.D01])
def test_older_drafts_have_the_url(draft: Draft) -> None:
    """Guards against: a hash for a CA that compares URLs."""
    need = Need("example.com", True, Terms(draft, ("ca.example",)), VECTOR)
    assert need.value(1800000000) == (
        "ca.example; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=1800000000"
    )


def test_draft_02_has_the_hash_behind_the_prefix() -> None:
    """Guards against: the plain URL, which CAs of draft 02 refuse."""
    need = Need("example.com", False, Terms(Draft.D02, ("ca.example",), "https://ca.example/h/"), VECTOR)
    assert need.value() == (
        "ca.example; accounturi=https://ca.example/h/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
    )


@pytest.mark.parametrize(("length", "expected"), [(1, [1]), (255, [255]), (256, [255, 1]), (511, [255, 255, 1])])
def test_a_long_record_has_several_strings(length: int, expected: list[int]) -> None:
    """Guards against: a string of more than 255 octets, which no DNS message can have."""
    text = "x" * length
    assert [len(each) for each in strings(text)] == expected
    assert "".join(strings(text)) == text


def test_a_domain_and_its_wildcard_share_a_record() -> None:
    """Guards against: two records, or one without a policy."""
    names = ["Example.com", "*.example.com.", "www.example.com", "*.example.org"]
    assert proven(names) == {"example.com": True, "www.example.com": False, "example.org": True}
