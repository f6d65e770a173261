"""What the journal's files say, and that no file whatever makes reading raise anything but its own error."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.journal.entry import Entry, EntryError, Handler, decode, encode

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
FULL = Entry(
    id="0123456789abcdef0123456789abcdef",
    written="2026-01-02T03:04:05.000Z",
    mode="handler",
    config_dir="/etc/letsencrypt",
    lineage="example.org",
    names=("example.org", "*.example.org"),
    command="sign_domains",
    key_algorithm="prime256v1",
    challenge_type="dns-01",
    basedir="/etc/dehydrated",
    tls_port=8443,
    protocol=0,
    historic=True,
    handler=Handler(
        words=("/usr/local/sbin/hook", "a b", "\udc80"),
        dialect="dehydrated",
        cleanup_words=("/bin/true",),
        hook_chain=True,
        jobs=7,
        timeout=300.0,
        wellknown="/var/www",
        env_file="/etc/hook.env",
        dehydrated_config="/etc/dehydrated/config",
        folder="/root",
        fingerprints={"/usr/local/sbin/hook": "sha256:00"},
    ),
    challenges=(
        Challenge("c1", "dns-01", "example.org", "dns", TOKEN, KEY_AUTHORIZATION),
        Challenge("c3", "dns-01", "w.example.org", "dns", TOKEN, KEY_AUTHORIZATION, None, "w.acme.test", "acme.test"),
        dataclasses.replace(
            Challenge("c4", "dns-account-01", "example.org", "dns", TOKEN, KEY_AUTHORIZATION),
            account_label="_ujmmovf2vn55tgye",
        ),
        Challenge("c2", "http-01", "192.0.2.1", "ip", TOKEN, KEY_AUTHORIZATION),
    ),
    attempts=2,
    interrupted=1,
    reasons={"c1": "exit code 3"},
    outputs={"c1": "\x1b[32m\udcff id=4711"},
    verify="strict",
    verify_timeout=30.0,
    verify_nameservers=("192.0.2.1:53", "[2001:db8::1]:5353", "ns1.example.org:53"),
    http_port=8080,
)
MEMBERS = json.loads(encode(FULL))


@pytest.mark.parametrize(
    "entry",
    [
        FULL,
        dataclasses.replace(FULL, handler=Handler(), basedir=None, reasons={}, challenges=FULL.challenges[:1]),
    ],
)
def test_comes_back_as_it_was(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


def test_unknown_members_are_ignored() -> None:
    """A later plugin of the same version of the form may know more."""
    assert decode(json.dumps({**MEMBERS, "new": [1]}).encode()) == FULL


def test_a_file_without_aliases_is_read() -> None:
    """As those are that were written before there was such a thing."""
    assert not {"txt_target", "txt_zone"} & set(MEMBERS["challenges"][0])
    assert [one.txt_target for one in decode(encode(FULL)).challenges] == [None, "w.acme.test", None, None]


def test_the_zone_and_name_servers_of_a_record_are_kept_for_those_that_are_told() -> None:
    placed = dataclasses.replace(FULL.challenges[0], zone="example.org", name_servers=("192.0.2.1:53",))
    entry = dataclasses.replace(FULL, challenges=(placed,))
    assert decode(encode(entry)) == entry
    assert not {"zone", "name_servers"} & set(MEMBERS["challenges"][0])


def test_a_file_that_does_not_count_interrupted_tries_is_read() -> None:
    members = {name: value for name, value in MEMBERS.items() if name != "interrupted"}
    assert decode(json.dumps(members).encode()) == dataclasses.replace(FULL, interrupted=0)


def test_a_file_that_does_not_say_how_its_run_looked_is_read() -> None:
    new = ("verify", "verify_timeout", "verify_nameservers", "http_port")
    members = {name: value for name, value in MEMBERS.items() if name not in new}
    found = decode(json.dumps(members).encode())
    assert (found.verify, found.verify_nameservers, found.http_port) == ("", (), 80)


def test_too_long_is_not_written() -> None:
    with pytest.raises(EntryError, match="longer than"):
        encode(dataclasses.replace(FULL, reasons={"c1": "x" * 16_000_000}))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["id"], "../../../etc/cron.d/x"),
        (["mode"], None),
        (["names"], ["a", 1]),
        (["attempts"], True),
        (["attempts"], -1),
        (["interrupted"], True),
        (["interrupted"], -1),
        (["tls_port"], 65536),
        (["historic"], 1),
        (["challenges"], []),
        (["challenges"], [MEMBERS["challenges"][0]] * 2),
        (["challenges", 0, "identifier"], "x; touch y"),
        (["challenges", 2, "identifier"], "fe80::1%\x1b[31m\n; $(id)"),
        (["challenges", 0, "identifier"], "boo\u212a.test"),
        (["challenges", 2, "type"], "dns-01"),
        (["challenges", 0, "token"], "../../x"),
        (["challenges", 0, "key_authorization"], "other"),
        (["challenges", 0, "type"], "dns-99"),
        (["challenges", 1, "txt_target"], 1),
        (["challenges", 1, "txt_zone"], "a\0b"),
        (["challenges", 1, "txt_target"], "`id`|x&y'<>*.example"),
        (["challenges", 1, "txt_target"], "-rf.test"),
        (["challenges", 1, "txt_target"], "x.-rf.test"),
        (["challenges", 1, "txt_target"], "192.0.2.1"),
        (["challenges", 1, "txt_zone"], "acme.test\nupdate add x"),
        (["challenges", 1, "txt_zone"], "boo\u212a.test"),
        (["challenges", 0, "zone"], "acme.test\nupdate add x"),
        (["challenges", 0, "name_servers"], "192.0.2.1:53"),
        (["challenges", 0, "name_servers"], [1]),
        (["handler", "words"], ["hook"]),
        (["handler", "words"], ["/hook", "a\0b"]),
        (["handler", "words"], ["/hook", "\ud800"]),
        (["handler", "timeout"], -1.0),
        (["handler", "jobs"], 0),
        (["handler", "timeout"], float("nan")),
        (["handler", "fingerprints"], {"/hook": 1}),
        (["reasons"], []),
        (["outputs"], {"c1": "a\0b"}),
        (["verify"], "sometimes"),
        (["verify_timeout"], -1.0),
        (["verify_timeout"], float("inf")),
        (["verify_nameservers"], "192.0.2.1"),
        (["verify_nameservers"], ["ns1 -x"]),
        (["http_port"], 70000),
    ],
)
def test_every_field_is_checked(path: list[Any], value: object) -> None:
    """What is in the file decides what root starts, with which words."""
    members = json.loads(encode(FULL))
    place = members
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(EntryError):
        decode(json.dumps(members).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*MEMBERS, "x"]), inner, max_size=3),
    max_leaves=5,
)
LEAVES = st.sampled_from(
    [(name,) for name in MEMBERS]
    + [("handler", name) for name in MEMBERS["handler"]]
    + [("challenges", 1, name) for name in MEMBERS["challenges"][1]]
)


def survives(data: bytes) -> None:
    try:
        found = decode(data)
    except EntryError:
        return
    # What is believed can be written again, and given to a program.
    assert decode(encode(found)) == found
    for word in found.handler.words:
        os.fsencode(word)


@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"version":' + b"1" * 5000 + b"}")
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    survives(data)


@given(LEAVES, JSON)
def test_no_member_raises_anything_else(path: tuple[Any, ...], value: object) -> None:
    members = json.loads(json.dumps(MEMBERS))
    place: Any = members
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    survives(json.dumps(members).encode())


@given(st.integers(0, len(encode(FULL))), st.integers(0, len(encode(FULL))), st.binary(max_size=8))
def test_no_half_or_spoilt_file_raises_anything_else(begin: int, end: int, between: bytes) -> None:
    data = encode(FULL)
    survives(data[:begin] + between + data[end:])
