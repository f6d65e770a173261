"""Accounts as Certbot stores them, and files that are not what they should be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth import accounts
from certbot_external_auth.accounts import Account, AccountError

# RFC 7638 section 3.1. It has no private part, which changes nothing: only public members count.
KEY = (
    '{"kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbW'
    "hM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf"
    "0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6W"
    'eZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}'
)
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def account(folder: Path, regr: str = '{"body": {}, "uri": "https://ca.example/acct/1"}', key: str = KEY) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "regr.json").write_text(regr)
    (folder / "private_key.json").write_text(key)
    return folder


def test_url_and_thumbprint(tmp_path: Path) -> None:
    assert accounts.read(str(account(tmp_path / "id"))) == Account("https://ca.example/acct/1", THUMBPRINT)


@pytest.mark.parametrize(
    ("regr", "key", "said"),
    [
        ("", KEY, "regr.json is not JSON"),
        ("[" * 100_000, KEY, "regr.json is not JSON"),
        ("[]", KEY, "regr.json is not a JSON object"),
        ("{}", KEY, "regr.json has no account URL"),
        ('{"uri": 7}', KEY, "regr.json has no account URL"),
        ('{"uri": "https://ca.example/1"}', '{"kty": "RSA"}', "private_key.json is not a key"),
        ('{"uri": "https://ca.example/1"}', '{"kty": "secret"}', "private_key.json is not a key"),
        (" " * 100_001, KEY, "regr.json cannot be read: it is longer than"),
    ],
)
def test_files_that_are_not_an_account(tmp_path: Path, regr: str, key: str, said: str) -> None:
    with pytest.raises(AccountError, match=said):
        accounts.read(str(account(tmp_path / "id", regr, key)))


def test_a_missing_file_and_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match=r"regr\.json cannot be read: No such file"):
        accounts.read(str(tmp_path))
    os.mkfifo(tmp_path / "regr.json")
    with pytest.raises(AccountError, match="it is not a regular file"):
        accounts.read(str(tmp_path))


TEXTS = st.none() | st.integers() | st.text(max_size=9) | st.sampled_from(["RSA", "EC", "P-256", "AQAB"])


@given(st.dictionaries(st.sampled_from(["kty", "e", "n", "d", "x", "crv"]), TEXTS), st.sampled_from(["RSA", "EC", "x"]))
def test_no_key_is_another_error(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, object], kind: str
) -> None:
    folder = account(tmp_path_factory.mktemp("account"), key=json.dumps({"kty": kind, **members}))
    with pytest.raises(AccountError) as caught:
        accounts.read(str(folder))
    assert "private_key.json is not a key" in str(caught.value)
