"""The account of a run: known, with the key that Certbot uses, and at the server that is asked."""

from __future__ import annotations

import dataclasses
import json
from argparse import Namespace
from pathlib import Path

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import GuardError
from certbot_external_auth.persistent_records import Draft
from certbot_external_auth.run import own_account
from tests.support import challenges
from tests.unit.accounts.test_account import THUMBPRINT, account
from tests.unit.accounts.test_directory import serving

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


PERSIST = Challenge(
    "c2", "dns-persist-01", "A.test", "dns", "", f".{THUMBPRINT}", offer={"issuer-domain-names": ["ca"]}
)


def completed(tmp_path: Path, asked: tuple[str, ...] | None, *made: Challenge, **meta: object) -> list[Challenge]:
    with serving(json.dumps({"newOrder": "x", "meta": meta}).encode()) as server:
        found = config(tmp_path, server=server, no_verify_ssl=False)
        account(tmp_path / "id", json.dumps({"uri": f"{server}/1"}))
        return own_account.completed(made, found, asked)


@pytest.mark.parametrize(
    ("asked", "count", "wildcard"),
    [
        (("a.test",), 1, False),
        (("a.test", "*.A.test"), 2, True),
        (("*.a.test",), 1, True),
        (("*.b.test", "a.test"), 1, False),
        (None, 1, False),
        (None, 2, True),
    ],
)
def test_what_a_record_must_allow(tmp_path: Path, asked: tuple[str, ...] | None, count: int, wildcard: bool) -> None:
    """Guards against a record that lacks the policy: Certbot does not tell which challenge is the wildcard's."""
    for one in completed(tmp_path, asked, *[PERSIST] * count):
        assert one.need is not None
        assert (one.need.domain, one.need.wildcard, one.need.terms.draft) == ("a.test", wildcard, Draft.D00)
        assert (one.token, one.key_authorization) == ("", "")


def test_the_newest_draft_is_recognized_by_the_directory(tmp_path: Path) -> None:
    offered = dataclasses.replace(PERSIST, offer={"issuerDomainNames": ["ca.example"]})
    meta = {"accountHashPrefix": "https://ca.example/", "issuerDomainNames": ["ca.example"]}
    [one] = completed(tmp_path, ("a.test",), offered, **meta)
    assert one.need is not None
    assert (one.need.terms.draft, one.need.account.thumbprint) == (Draft.D02, THUMBPRINT)


def test_an_offer_that_would_authorize_another_account(tmp_path: Path) -> None:
    hostile = {"issuer-domain-names": ["ca"], "accounturi": "https://victim.example/acct/1"}
    with pytest.raises(GuardError, match="it would authorize the account"):
        completed(tmp_path, ("a.test",), dataclasses.replace(PERSIST, offer=hostile))


def test_a_directory_that_cannot_be_read_again(tmp_path: Path) -> None:
    found = config(tmp_path, server="http://127.0.0.1:9/directory", no_verify_ssl=False)
    account(tmp_path / "id", '{"uri": "http://127.0.0.1:9/1"}')
    with pytest.raises(GuardError, match="could not read the CA's directory"):
        own_account.completed([PERSIST], found, ("a.test",))
