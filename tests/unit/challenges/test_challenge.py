"""Where each type of challenge is answered, and how that is said to a person."""

from __future__ import annotations

import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from certbot_external_auth.challenges import TYPES, Challenge, dnsaccount01, http01, tlssni01

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
LABEL = "_ujmmovf2vn55tgye"
"""Of the account in the example of draft-ietf-acme-dns-account-label-02 section 3.2."""


def challenge(kind: str, identifier: str = "a.test", identifier_type: str = "dns") -> Challenge:
    return Challenge("c1", kind, identifier, identifier_type, TOKEN, KEY_AUTHORIZATION)


@pytest.mark.parametrize(
    ("made", "place"),
    [
        (challenge("dns-01"), "_acme-challenge.a.test"),
        (challenge("http-01"), f"http://a.test/.well-known/acme-challenge/{TOKEN}"),
        (challenge("http-01", "::1", "ip"), f"http://[::1]/.well-known/acme-challenge/{TOKEN}"),
        (challenge("tls-alpn-01"), "a.test"),
        (challenge("tls-alpn-01", "127.0.0.1", "ip"), "1.0.0.127.in-addr.arpa"),
        (challenge("tls-sni-01"), tlssni01.z_domain(KEY_AUTHORIZATION)),
        (replace(challenge("dns-account-01"), account_label=LABEL), f"{LABEL}._acme-challenge.a.test"),
    ],
)
def test_the_place_is_what_the_type_has_of_its_own(made: Challenge, place: str) -> None:
    assert made.place == place
    assert [value for value in (made.txt_domain, made.uri, made.server_name) if value is not None] == [place]


def test_the_label_of_an_account_is_that_of_the_draft() -> None:
    """Guards against a record where the CA does not look: the hash is cut to ten bytes, and in lower case."""
    assert dnsaccount01.label("https://example.com/acme/acct/ExampleAccount") == LABEL
    account = replace(challenge("dns-account-01"), account_label=LABEL)
    assert account.validation == challenge("dns-01").validation


def test_the_record_is_written_at_the_end_of_aliases() -> None:
    plain = challenge("dns-01")
    assert plain.record_name == plain.place
    alias = replace(plain, txt_target="x.acme.test")
    assert (alias.record_name, alias.place) == ("x.acme.test", plain.place)


@pytest.mark.parametrize("kind", TYPES)
def test_a_description_names_what_is_published_and_where(kind: str) -> None:
    made = challenge(kind)
    assert made.place in made.description
    alias = replace(challenge("dns-01"), txt_target="x.acme.test")
    assert alias.description == f'the TXT record x.acme.test. "{alias.validation}"'


def test_the_command_makes_files_that_a_server_can_read(tmp_path: Path) -> None:
    """Guards against folders that only their owner may enter: root's umask is 077 on many hosts."""
    command = http01.command("t", "t.k")
    subprocess.run(["sh", "-euc", f"umask 077; {command}"], cwd=tmp_path, check=True)
    made = [tmp_path / ".well-known", tmp_path / http01.ROOT, tmp_path / http01.ROOT / "t"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o755, 0o755, 0o644]
    assert made[-1].read_text() == "t.k"
