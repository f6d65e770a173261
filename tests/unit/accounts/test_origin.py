"""Whether the URL of an account belongs to a CA: a hostile server could name an account elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth import accounts

SERVER = "https://ca.example/directory"


@pytest.mark.parametrize(
    ("account", "server"),
    [
        ("https://ca.example/acct/1", SERVER),
        ("https://ca.example:443/acct/1?a=b", SERVER),
        ("https://CA.example./acct/1", SERVER),
        ("https://ca.example:14000/my-account/6a", "https://ca.example:14000/dir"),
        ("https://[2001:db8::1]/acct/1", "https://[2001:db8::1]/directory"),
        ("http://127.0.0.1:80/acct/1", "http://127.0.0.1/directory"),
    ],
)
def test_own(account: str, server: str) -> None:
    assert not accounts.foreign(account, server)


@pytest.mark.parametrize(
    "account",
    [
        "https://other.example/acct/1",
        "https://sub.ca.example/acct/1",
        "https://ca.example.evil/acct/1",
        "http://ca.example/acct/1",
        "https://ca.example:444/acct/1",
        "https://ca.example@other.example/acct/1",
        "https://other.example#@ca.example/",
        "https://ca.example:x/acct/1",
        "https://[ca.example/acct/1",
        "https://ca.example/acct/1; policy=wildcard",
        "https://ca.example/acct/1;policy=wildcard",
        'https://ca.example/acct/1"',
        "https://ca.example/acct\\1",
        "https://ca.example/acct/1\n",
        "https://ca.example/acct/é",
        "https://ca.example/" + "a" * 1000,
        "/acct/1",
        "acct",
        "",
    ],
)
def test_foreign(account: str) -> None:
    assert accounts.foreign(account, SERVER)


@given(st.text(), st.text())
def test_no_text_is_an_error(account: str, server: str) -> None:
    accounts.foreign(account, server)
    accounts.foreign(f"https://{account}", f"https://{server}")
