"""From Certbot's files and a CA's directory to records."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import josepy
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certbot_external_auth.accounts import Account, directory
from certbot_external_auth.accounts.directory import DirectoryError
from certbot_external_auth.errors import UsageError
from certbot_external_auth.persist import making
from certbot_external_auth.persist.command_line import Setting
from certbot_external_auth.persist.renewals import NotMadeError
from certbot_external_auth.persistent_records import Draft
from certbot_external_auth.persistent_records.record import hashed_account
from tests.support import certificates
from tests.support.wrong_records import THUMBPRINT, URL

SERVER = "https://acme.ca.example/directory"
OTHER = "https://acme.example.org/v2/DV90"
OLD = {"caaIdentities": ["ca.example"]}
PREFIX = "https://acme.ca.example/h/"
NEW = {**OLD, "issuerDomainNames": ["ca.example"], "accountHashPrefix": PREFIX}
KEY = josepy.JWKEC(key=josepy.ComparableECKey(ec.generate_private_key(ec.SECP256R1())))
NAMES = {"example.com": True, "www.example.com": False}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the directories tell, by server."""
    found: dict[str, Any] = {SERVER: OLD, OTHER: {"caaIdentities": ["pki.example.org"]}}

    def fetch(server: str) -> Any:
        if isinstance(found[server], Exception):
            raise found[server]
        return found[server]

    monkeypatch.setattr(directory, "meta", fetch)
    return found


def register(config_dir: Path, server: str, name: str, uri: str) -> None:
    """Write the files of an account as Certbot does."""
    folder = config_dir / "accounts" / server.removeprefix("https://") / name
    folder.mkdir(parents=True)
    (folder / "regr.json").write_text(json.dumps({"body": {}, "uri": uri}))
    (folder / "private_key.json").write_text(KEY.json_dumps())
    (folder / "meta.json").write_text("{}")


def setting(folder: Path, **more: Any) -> Setting:
    return Setting(str(folder), more.pop("names", NAMES), more.pop("servers", (SERVER,)), **more)


def test_the_account_is_that_of_certbot(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: another account's record, and a record without the policy that its wildcard needs."""
    register(tmp_path, SERVER, "aa", URL)
    register(tmp_path, "https://acme-staging.ca.example/directory", "bb", "https://acme-staging.ca.example/1")
    assert [(entry.need.place, entry.text) for entry in making.entries(setting(tmp_path))] == [
        ("_validation-persist.example.com", f"ca.example; accounturi={URL}; policy=wildcard"),
        ("_validation-persist.www.example.com", f"ca.example; accounturi={URL}"),
    ]


def test_draft_02_hashes_with_the_accounts_key(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a thumbprint of another key, or in another form."""
    told[SERVER] = NEW
    register(tmp_path, SERVER, "aa", URL)
    [entry] = making.entries(setting(tmp_path, names={"example.com": False}, until=7))
    thumbprint = josepy.b64encode(KEY.thumbprint()).decode()
    expected = hashed_account(PREFIX, "example.com", Account(URL, thumbprint))
    assert entry.text == f"ca.example; accounturi={expected}; persistUntil=7"


def test_several_servers_have_records_beside_each_other(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: one CA's record in place of another's."""
    register(tmp_path, SERVER, "aa", URL)
    register(tmp_path, OTHER, "bb", "https://acme.example.org/acct/2")
    made = making.entries(setting(tmp_path, servers=(SERVER, OTHER)))
    assert [(entry.need.domain, entry.need.terms.issuers[0]) for entry in made] == [
        ("example.com", "ca.example"),
        ("example.com", "pki.example.org"),
        ("www.example.com", "ca.example"),
        ("www.example.com", "pki.example.org"),
    ]


def test_several_accounts_are_listed_and_one_is_chosen(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a record for the account that happens to come first."""
    register(tmp_path, SERVER, "aa", URL)
    register(tmp_path, SERVER, "bb", URL + "4")
    with pytest.raises(UsageError) as raised:
        making.entries(setting(tmp_path))
    assert all(part in str(raised.value) for part in ("--account", "aa", "bb", URL + "4"))
    assert making.entries(setting(tmp_path, ids=("bb",)))[0].need.account.uri == URL + "4"
    with pytest.raises(UsageError, match="has the id cc"):
        making.entries(setting(tmp_path, ids=("cc",)))


def test_accounts_of_several_servers_are_chosen_together(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: an account of one server that is looked for at the other one."""
    for here, there in (("aa", "cc"), ("bb", "dd")):
        register(tmp_path, SERVER, here, f"https://acme.ca.example/acct/{here}")
        register(tmp_path, OTHER, there, f"https://acme.example.org/acct/{there}")
    made = making.entries(setting(tmp_path, names={"a.example": False}, servers=(SERVER, OTHER), ids=("bb", "cc")))
    assert [entry.need.account.uri for entry in made] == [
        "https://acme.ca.example/acct/bb",
        "https://acme.example.org/acct/cc",
    ]


def test_without_an_account_the_command_that_makes_one_is_said(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: advice that registers at another server."""
    with pytest.raises(UsageError, match=f"certbot register .*--server {SERVER}"):
        making.entries(setting(tmp_path))


def test_a_server_that_named_a_foreign_account_is_refused(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a record that gives another CA's account certificates for good."""
    register(tmp_path, SERVER, "aa", "https://victim.example/acct/1")
    with pytest.raises(NotMadeError, match="does not belong"):
        making.entries(setting(tmp_path))
    with pytest.raises(UsageError, match="does not belong"):
        making.entries(setting(tmp_path, account=Account("https://victim.example/acct/1", "")))


def test_files_that_cannot_be_used(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a traceback, and the key in a message."""
    register(tmp_path, SERVER, "aa", URL)
    path = tmp_path / "accounts" / "acme.ca.example" / "directory" / "aa" / "private_key.json"
    path.write_text('{"secret": ')
    with pytest.raises(UsageError, match="is not JSON") as raised:
        making.entries(setting(tmp_path))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("meta", "more", "words"),
    [
        (DirectoryError("it is not JSON"), {}, "it is not JSON"),
        ({}, {}, "--issuer"),
        ({"caaIdentities": ["CA!"]}, {}, "not a domain name"),
        (OLD, {"draft": Draft.D02}, "does not speak draft 02"),
    ],
)
def test_a_directory_that_does_not_help(
    tmp_path: Path, told: dict[str, Any], meta: Any, more: dict[str, Any], words: str
) -> None:
    """Guards against: a record with a guess in it."""
    told[SERVER] = meta
    register(tmp_path, SERVER, "aa", URL)
    with pytest.raises(NotMadeError, match=words):
        making.entries(setting(tmp_path, **more))


def test_a_directory_without_names_is_completed_by_the_flag(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: private CAs, which tell no name."""
    told[SERVER] = {}
    register(tmp_path, SERVER, "aa", URL)
    assert making.entries(setting(tmp_path, issuer="pki.example"))[0].text.startswith("pki.example; ")


def test_flags_can_say_all_that_a_directory_would(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a network that is needed, and a thumbprint that draft 02 lacks."""
    told.clear()
    words = {"servers": (), "issuer": "ca.example", "draft": Draft.D02, "hash_prefix": PREFIX}
    made = making.entries(setting(tmp_path, account=Account(URL, THUMBPRINT), **words))
    assert (made[0].server, made[0].need.terms.draft) == ("", Draft.D02)
    with pytest.raises(UsageError, match="--thumbprint"):
        making.entries(setting(tmp_path, account=Account(URL, ""), **words))
    with pytest.raises(UsageError, match="--server"):
        making.entries(setting(tmp_path, account=Account(URL, ""), servers=()))


def test_without_names_and_certificates_names_are_needed(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a silent success about nothing."""
    for servers in ((), (SERVER,)):
        with pytest.raises(UsageError, match="-d NAME"):
            making.entries(setting(tmp_path, names={}, servers=servers))


def certify(config_dir: Path, name: str, names: list[str], **kept: str) -> None:
    """Write a certificate and its renewal file as Certbot does."""
    folder = config_dir / "live" / name
    folder.mkdir(parents=True)
    certificates.self_signed(folder / "cert.pem", names)
    lines = "".join(f"{key} = {value}\n" for key, value in kept.items())
    path = config_dir / "renewal" / f"{name}.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"[renewalparams]\n{lines}")


def test_renewals_say_what_they_need(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a look at names that renew in another way, and at another CA or account than renewals use."""
    for name in ("aa", "cc"):
        register(tmp_path, SERVER, name, f"https://acme.ca.example/acct/{name}")
    register(tmp_path, OTHER, "bb", "https://acme.example.org/acct/2")
    certify(tmp_path, "plain", ["plain.example"], server=SERVER, account="aa", pref_challs="dns-01,")
    assert [entry.need.domain for entry in making.entries(setting(tmp_path, names={}, servers=()))] == ["plain.example"]
    certify(tmp_path, "one", ["a.example", "*.a.example"], server=SERVER, account="cc", pref_challs="dns-persist-01,")
    certify(tmp_path, "two", ["b.example"], server=OTHER, account="bb", pref_challs="dns-persist-01,")
    made = making.entries(setting(tmp_path, names={}, servers=()))
    assert [(entry.need.domain, entry.need.wildcard, entry.need.account.uri) for entry in made] == [
        ("a.example", True, "https://acme.ca.example/acct/cc"),
        ("b.example", False, "https://acme.example.org/acct/2"),
    ]
    made = making.entries(setting(tmp_path, names={}, servers=(OTHER,), wildcard=True))
    assert [(entry.server, entry.need.domain, entry.need.wildcard) for entry in made] == [
        (OTHER, "a.example", True),
        (OTHER, "b.example", True),
    ]


def test_what_cannot_be_read_is_not_taken_for_nothing(tmp_path: Path, told: dict[str, Any]) -> None:
    """Guards against: a look that leaves a certificate out, and says that all is well."""
    register(tmp_path, SERVER, "aa", URL)
    certify(tmp_path, "good", ["a.example"])
    (tmp_path / "live" / "bad").mkdir()
    (tmp_path / "live" / "bad" / "cert.pem").write_text("rubbish")
    with pytest.raises(NotMadeError, match="certificate bad"):
        making.entries(setting(tmp_path, names={}))


def test_a_closed_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: "no certificates" for a user who may not see them. Root, who runs tests, may see everything."""

    def closed(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", closed)
    for servers in ((), (SERVER,)):
        with pytest.raises(NotMadeError, match="Permission denied"):
            making.entries(setting(tmp_path, names={}, servers=servers))
    with pytest.raises(UsageError, match="Permission denied"):
        making.entries(setting(tmp_path))


def test_all_accounts_of_the_machine_are_known(tmp_path: Path) -> None:
    """Guards against: the hash of a dry run's account that is taken for an older key."""
    register(tmp_path, SERVER, "aa", URL)
    register(tmp_path, OTHER, "bb", "https://acme.example.org/acct/2")
    found = making.others(str(tmp_path))
    assert {account.uri for account in found} == {URL, "https://acme.example.org/acct/2"}
