"""Certbot's accounts are read as Certbot stores them, and what cannot be read is said without the key."""

from __future__ import annotations

import json
import os
from pathlib import Path

import josepy
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from certbot_external_auth.accounts import Account, stored
from certbot_external_auth.errors import UsageError

SERVER = "https://ca.example:14000/acme/directory"
URI = "https://ca.example/acme/acct/1"
JWK = josepy.JWKRSA(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
THUMBPRINT = josepy.encode_b64jose(JWK.thumbprint())


def store(config_dir: Path, name: str, server: str = SERVER) -> Path:
    place = Path(stored.folder(str(config_dir), server)) / name
    place.mkdir(parents=True)
    (place / "regr.json").write_text(json.dumps({"body": {}, "uri": URI}))
    (place / "private_key.json").write_text(JWK.json_dumps())
    return place


def test_the_folder_is_that_of_certbot() -> None:
    assert stored.folder("/c", SERVER) == "/c/accounts/ca.example:14000/acme/directory"


def test_an_account_is_read(tmp_path: Path) -> None:
    store(tmp_path, "abc")
    assert stored.chosen(str(tmp_path), SERVER) == Account(URI, THUMBPRINT)


def test_among_several_the_beginning_of_an_id_chooses(tmp_path: Path) -> None:
    for name in ("abc", "abd"):
        store(tmp_path, name)
    assert stored.chosen(str(tmp_path), SERVER, "abd") == stored.stored(str(tmp_path), SERVER)["abd"]
    for wanted in (None, "ab"):
        with pytest.raises(UsageError, match=r"Choose one with --account: abc \(https.*\), abd"):
            stored.chosen(str(tmp_path), SERVER, wanted)
    with pytest.raises(UsageError, match=r"has the id x\. There are: abc \(https.*\), abd"):
        stored.chosen(str(tmp_path), SERVER, "x")


def test_without_an_account_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"To make one: certbot register .* --server https://ca\.example:14000"):
        stored.chosen(str(tmp_path), SERVER)
    assert "--config-dir" not in stored.register_command("/etc/letsencrypt", SERVER)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"kty": "RSA", "n": "SECRET"}', '{"uri": 3}'])
@pytest.mark.parametrize("file", ["regr.json", "private_key.json"])
def test_a_broken_file_is_named_without_what_it_has(tmp_path: Path, file: str, content: str) -> None:
    (store(tmp_path, "abc") / file).write_text(content)
    with pytest.raises(UsageError) as raised:
        stored.chosen(str(tmp_path), SERVER)
    assert file in str(raised.value)
    assert "SECRET" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    store(tmp_path, "abc").parent.chmod(0)
    with pytest.raises(UsageError, match="Run this as the user who runs Certbot"):
        stored.chosen(str(tmp_path), SERVER)
