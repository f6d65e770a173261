"""Dehydrated's hook contract, as data. Names and order of the words are those of its docs/examples/hook.sh."""

from __future__ import annotations

import dataclasses

import pytest

from certbot_external_auth.backends import Finished
from certbot_external_auth.dialects.dehydrated import Dehydrated
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.validation_certificates import tls_files
from tests.support.challenges import (
    ALPN,
    DEPLOYMENT,
    DIGEST,
    DIGEST_IN_HEX,
    DNS,
    FACTS,
    HTTP,
    KEY_AUTHORIZATION,
    TOKEN,
)

REVERSE_NAME = "1.2.0.192.in-addr.arpa"
OF_DNS = ("a.example", TOKEN, DIGEST)
OF_HTTP = ("b.example", TOKEN, KEY_AUTHORIZATION)
OF_ALPN = (REVERSE_NAME, TOKEN, DIGEST_IN_HEX)
CHAIN = dataclasses.replace(FACTS, chain=True)
BASEDIR = {"BASEDIR": "/c"}
FOLDERS = {
    "CERTDIR": "/c/live",
    "ALPNCERTDIR": "/w/external-auth/alpn-certs",
    "COMMAND": "sign_domains",
}
CERTIFICATE = {
    **FOLDERS,
    "CHALLENGETYPE": "dns-01",
    "KEY_ALGO": "",
    "PRIVATE_KEY_ROLLOVER": "no",
    "alias": "lineage",
    "altnames": "a.example b.example 192.0.2.1",
}
STARTUP = ("startup_hook",)


def test_the_hook_finds_the_validation_certificates() -> None:
    """Guards against: a folder that one module names and another one writes to."""
    assert FOLDERS["ALPNCERTDIR"] == tls_files.folder("/w")


def test_one_call_for_each_challenge() -> None:
    calls = Dehydrated().perform([DNS, HTTP, ALPN], FACTS)
    assert [call.arguments for call in calls] == [
        STARTUP,
        ("deploy_challenge", *OF_DNS),
        ("deploy_challenge", *OF_HTTP),
        ("deploy_challenge", *OF_ALPN),
    ]
    assert [call.variables["CHALLENGETYPE"] for call in calls[1:]] == ["dns-01", "http-01", "tls-alpn-01"]
    assert calls[0].variables == FOLDERS
    assert calls[1].variables == CERTIFICATE
    assert [call.settings for call in calls] == [BASEDIR] * 4
    assert [call.identifiers for call in calls] == [(), ("a.example",), ("b.example",), ("192.0.2.1",)]


def test_a_chain_is_one_call_for_each_type() -> None:
    """Dehydrated has one challenge type for a certificate, so its chains never mix two."""
    _, *calls = Dehydrated().perform([DNS, HTTP, DNS], CHAIN)
    assert [call.arguments for call in calls] == [
        ("deploy_challenge", *OF_DNS, *OF_DNS),
        ("deploy_challenge", *OF_HTTP),
    ]
    assert [call.challenges for call in calls] == [(DNS, DNS), (HTTP,)]
    assert [call.identifiers for call in calls] == [("a.example",), ("b.example",)]


@pytest.mark.parametrize(("facts", "side_by_side"), [(FACTS, True), (CHAIN, False)])
def test_chains_and_the_calls_around_a_batch_are_alone(facts: object, side_by_side: bool) -> None:
    """Guards against: startup_hook while a challenge is published, and two chains at one time."""
    startup, *published = Dehydrated().perform([DNS, HTTP], facts)  # type: ignore[arg-type]
    withdrawn = Dehydrated().cleanup([Finished(DNS, "valid"), Finished(HTTP, "valid")], facts)  # type: ignore[arg-type]
    assert not startup.side_by_side
    assert {call.side_by_side for call in (*published, *withdrawn)} == {side_by_side}


def test_withdrawing_tells_first_which_challenges_failed() -> None:
    problem = {"type": "urn:ietf:params:acme:error:dns", "detail": "no record"}
    finished = [Finished(DNS, "valid"), Finished(ALPN, "invalid", problem), Finished(HTTP, "pending")]
    invalid, *withdrawn = Dehydrated().cleanup(finished, FACTS)
    assert invalid.arguments == (
        "invalid_challenge",
        REVERSE_NAME,
        "urn:ietf:params:acme:error:dns :: no record",
    )
    assert (invalid.optional, invalid.once, invalid.side_by_side, invalid.challenges) == (True, False, False, ())
    assert (invalid.identifiers, invalid.variables["CHALLENGETYPE"]) == (("192.0.2.1",), "tls-alpn-01")
    assert [call.arguments for call in withdrawn] == [
        ("clean_challenge", *OF_DNS),
        ("clean_challenge", *OF_ALPN),
        ("clean_challenge", *OF_HTTP),
    ]


def test_an_invalid_challenge_without_a_problem_document_has_an_empty_reason() -> None:
    assert Dehydrated().cleanup([Finished(DNS, "invalid")], FACTS)[0].arguments == (
        "invalid_challenge",
        "a.example",
        "",
    )


def test_handing_over_a_certificate() -> None:
    startup, sync, deploy = Dehydrated().deploy(DEPLOYMENT, FACTS)
    files = ("/c/key", "/c/cert", "/c/fullchain", "/c/chain")
    assert startup.arguments == STARTUP
    assert sync.arguments == ("sync_cert", *files, "")
    assert deploy.arguments == ("deploy_cert", "a.example", *files, "1700000000")
    assert sync.variables == deploy.variables == CERTIFICATE
    assert [call.optional for call in (startup, sync, deploy)] == [True, True, False]
    assert [call.once for call in (startup, sync, deploy)] == [True, False, False]
    assert {call.side_by_side for call in (startup, sync, deploy)} == {False}


def test_files_that_are_not_there_are_empty_words() -> None:
    """Guards against: words that move to the left, and a timestamp taken for a chain."""
    short = dataclasses.replace(DEPLOYMENT, chain_path=None, fullchain_path=None)
    assert Dehydrated().deploy(short, FACTS)[-1].arguments[2:] == ("/c/key", "/c/cert", "", "", "1700000000")


def test_an_unchanged_certificate() -> None:
    startup, unchanged = Dehydrated().unchanged(DEPLOYMENT, FACTS)
    assert startup.arguments == STARTUP
    assert unchanged.arguments == ("unchanged_cert", "a.example", "/c/key", "/c/cert", "/c/fullchain", "/c/chain")
    assert (unchanged.optional, unchanged.once) == (True, False)


@pytest.mark.parametrize(("error", "words"), [("", ("exit_hook",)), ("no", ("exit_hook", "no"))])
def test_the_end_of_the_process(error: str, words: tuple[str, ...]) -> None:
    (call,) = Dehydrated().exit(FACTS, error)
    assert call.arguments == words
    assert (call.optional, call.once, call.variables) == (True, True, CERTIFICATE)


def test_every_call_has_the_umask_of_dehydrated() -> None:
    """Guards against: a key that a hook copies and that others can read."""
    finished = [Finished(DNS, "invalid")]
    found = Dehydrated()
    calls = [*found.perform([DNS], FACTS), *found.cleanup(finished, FACTS), *found.exit(FACTS, "")]
    calls += [*found.deploy(DEPLOYMENT, FACTS), *found.unchanged(DEPLOYMENT, FACTS)]
    assert {call.umask for call in calls} == {0o077}
    assert {call.document for call in calls} == {None}


def test_a_configuration_adds_its_own_variables() -> None:
    facts = dataclasses.replace(
        FACTS, config="/d/config", basedir="/d", wellknown="/www", exports={"PROVIDER": "x", "BASEDIR": "/wrong"}
    )
    (call,) = Dehydrated().perform([], facts)
    assert call.settings == {}
    assert call.variables == {
        **FOLDERS,
        "BASEDIR": "/d",
        "CONFIG": "/d/config",
        "WELLKNOWN": "/www",
        "PROVIDER": "x",
    }


def test_every_failure_counts() -> None:
    call = Dehydrated().perform([DNS], FACTS)[1]
    assert Dehydrated().supported(call, Ended(code=1))
