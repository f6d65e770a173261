"""The account of a run: known, with the key that Certbot uses, and at the server that is asked."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import GuardError
from certbot_external_auth.run import own_account
from tests.support import challenges
from tests.unit.accounts.test_account import THUMBPRINT, account

MADE = Challenge("c1", "dns-account-01", "a.test", "dns", challenges.TOKEN, f"{challenges.TOKEN}.{THUMBPRINT}")


def config(folder: Path, **more: object) -> Namespace:
    account(folder / "id", '{"uri": "https://example.com/acme/acct/ExampleAccount"}')
    made = {"server": "https://example.com/directory", "accounts_dir": str(folder), "account": "id"}
    return Namespace(**{**made, **more})


def test_only_where_the_type_needs_it(tmp_path: Path) -> None:
    other = dataclasses.replace(MADE, type="http-01")
    first, second = own_account.completed([MADE, other], config(tmp_path), None)
    assert first.account_label == "_ujmmovf2vn55tgye"
    assert second == other


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"server": "https://other.example/directory"}, "does not belong to the server"),
        ({"server": ""}, "does not belong to the server"),
        ({"account": None}, "does not know the URL of the account"),
        ({"account": "gone"}, "does not know the URL of the account"),
    ],
)
def test_an_account_that_is_not_known_or_is_elsewhere(tmp_path: Path, more: dict[str, object], said: str) -> None:
    with pytest.raises(GuardError, match=said):
        own_account.completed([MADE], config(tmp_path, **more), None)


def test_an_account_with_another_key(tmp_path: Path) -> None:
    """Guards against the name of an account that Certbot does not use."""
    with pytest.raises(GuardError, match="is not the key that Certbot uses now"):
        own_account.completed([challenges.DNS], config(tmp_path), None)
