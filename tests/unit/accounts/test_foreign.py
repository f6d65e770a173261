"""Which account URLs a server may name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth import accounts

DIRECTORY = "https://acme.ca.example/directory"


@pytest.mark.parametrize(
    "uri", ["https://acme.ca.example/acct/1", "https://ACME.ca.example:443/a?b=c", "https://acme.ca.example."]
)
def test_an_account_lies_at_its_server(uri: str) -> None:
    """Guards against: a server that is refused for how it writes its own name."""
    assert not accounts.foreign(uri, DIRECTORY)


@pytest.mark.parametrize(
    "uri",
    [
        "https://victim.example/acct/1",
        "http://acme.ca.example/acct/1",
        "https://acme.ca.example:444/acct/1",
        "https://acme.ca.example@victim.example/acct/1",
        "https://victim.example@acme.ca.example/acct/1",
        "https://acme.ca.example/acct/1;policy=wildcard",
        "https://acme.ca.example/acct/1 x",
        'https://acme.ca.example/acct/1"',
        "https://acme.ca.example/acct/\\1",
        "https://acme.ca.example/acct/\n1",
        "https://acme.ca.example/" + "a" * 1000,
        "https://acme.ca.example:99999/",
        "https://[acme/",
        "acct/1",
        "",
    ],
)
def test_any_other_account_is_refused(uri: str) -> None:
    """Guards against: a server that has a record published for an account elsewhere, or with more parameters."""
    assert accounts.foreign(uri, DIRECTORY)


@given(st.text(), st.text())
def test_no_text_is_an_error(account: str, server: str) -> None:
    accounts.foreign(account, server)
    accounts.foreign(f"https://{account}", f"https://{server}")
