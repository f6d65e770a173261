"""Wrong use gets one sentence, exit code 1, no traceback, and nothing is sent to the CA."""

from __future__ import annotations

import pytest

from tests.support.certbot import Certbot, Result
from tests.support.hooks import Hooks
from tests.support.words import AUTHENTICATOR, names

SCRIPT = "#!/bin/sh\nexit 0\n"
PLUGIN = ("-n", *AUTHENTICATOR)
HISTORIC = "certbot-external-auth:out"


def refused(result: Result, *parts: str) -> None:
    assert result.returncode == 1, result
    assert not result.asked_ca, result
    assert "Traceback" not in result.stderr
    assert "unexpected error" not in result.stderr
    for part in parts:
        assert part in result.stderr, result


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--external-auth-mode", "jsn"], ["--external-auth-mode", "'jsn'", "did you mean json?"]),
        (["--external-auth-dialect", "dehidrated"], ["--external-auth-dialect", "did you mean dehydrated?"]),
        (["--external-auth-timeout", "10s"], ["--external-auth-timeout", "'10s'", "did you mean 10?"]),
        (["--external-auth-timeout=-1"], ["--external-auth-timeout", "whole number"]),
        (["--external-auth-ack-timeout", "0"], ["--external-auth-ack-timeout", "1 or more"]),
        (["--external-auth-protocol", "2"], ["--external-auth-protocol", "accepted: 0, 1"]),
        (["--external-auth-hook-chain", "yess"], ["--external-auth-hook-chain", "did you mean yes?"]),
        (
            ["--external-auth-hook-chain", "yes"],
            ["dialect dehydrated, not native", "--external-auth-dialect dehydrated"],
        ),
        ([f"--{HISTORIC}-text-mode"], [f"--{HISTORIC}-text-mode belongs to", "the flags of one name only"]),
    ],
)
def test_words_that_are_not_accepted(certbot: Certbot, scripts: Hooks, flags: list[str], parts: list[str]) -> None:
    """A typing error must be found by its first reader, not by the CA's rate limit."""
    good = scripts.write("good.sh", SCRIPT)
    result = certbot.run("certonly", *PLUGIN, "--external-auth-handler", good, *flags, "-d", "wrong.test")
    refused(result, *parts)


@pytest.mark.versions
def test_all_wrong_words_are_said_at_once(certbot: Certbot) -> None:
    """Nobody wants to start a command as often as it has mistakes."""
    flags = ("--external-auth-mode=jsn", "--external-auth-dialect=x", "--external-auth-timeout=soon")
    result = certbot.run("certonly", *PLUGIN, *flags, "-d", "wrong.test")
    refused(result, "--external-auth-mode", "--external-auth-dialect", "--external-auth-timeout")


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("", ["--external-auth-handler is empty"]),
        ("/nowhere/at/all/hook.sh", ["is missing: its folder /nowhere/at/all does not exist"]),
        ("not-on-path-at-all", ["not-on-path-at-all does not exist"]),
        ("/tmp", ["/tmp is a directory"]),
        ("'open", ["cannot be split into words"]),
    ],
)
def test_a_handler_that_is_none(certbot: Certbot, value: str, parts: list[str]) -> None:
    refused(certbot.run("certonly", *PLUGIN, f"--external-auth-handler={value}", "-d", "wrong.test"), *parts)


def test_manual_without_a_person(certbot: Certbot) -> None:
    """The two other modes are the way out, so they are named."""
    for words in (("-n", *AUTHENTICATOR), AUTHENTICATOR):
        result = certbot.run("certonly", *words, "-d", "wrong.test")
        refused(result, "--external-auth-mode handler", "--external-auth-mode json")


def test_mode_handler_without_a_handler(certbot: Certbot) -> None:
    result = certbot.run("certonly", *PLUGIN, "--external-auth-mode", "handler", "-d", "wrong.test")
    refused(result, "needs --external-auth-handler")


def test_a_new_flag_with_the_historic_name(certbot: Certbot) -> None:
    """It would work once, and be forgotten at renewal."""
    words = ("-n", "-a", HISTORIC, "--external-auth-mode", "handler", "-d", "wrong.test")
    refused(certbot.run("certonly", *words), "--external-auth-mode belongs to", "external-auth")


def test_options_of_a_mode_that_is_not_chosen_are_warned_about_once(
    certbot: Certbot, scripts: Hooks, domain: str
) -> None:
    """The certificate is issued all the same, and the person learns what has no effect."""
    words = ["-n", *AUTHENTICATOR, "--external-auth-handler", scripts.native, "--external-auth-protocol", "0"]
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 0, result
    assert result.stderr.count("which does not use --external-auth-protocol") == 1


def test_an_unknown_name_in_prepare_listing(certbot: Certbot) -> None:
    """`certbot plugins` goes on past a plugin that is wrongly configured."""
    result = certbot.run("plugins", "--prepare", *AUTHENTICATOR, "--external-auth-mode", "jsn")
    assert result.returncode == 0, result
    assert "* standalone" in result.stdout
