"""The flags of `persist`."""

from __future__ import annotations

import argparse

import pytest

from certbot_external_auth.accounts import Account
from certbot_external_auth.errors import UsageError
from certbot_external_auth.persist import command_line
from certbot_external_auth.persist.command_line import Setting
from tests.support.wrong_records import NOW, THUMBPRINT, URL

TYPED = ("--account-uri", URL)


def read(*words: str) -> Setting:
    parser = argparse.ArgumentParser()
    command_line.arguments(parser)
    return command_line.read(parser.parse_args(words), NOW)


def test_names_are_given_as_to_certbot() -> None:
    """Guards against: a comma, a wildcard or capital letters that Certbot takes."""
    assert read("-d", "Example.com,*.example.org", "-d", "www.example.com").names == {
        "example.com": False,
        "example.org": True,
        "www.example.com": False,
    }
    assert read("--wildcard").wildcard


def test_an_account_of_another_machine() -> None:
    """Guards against: a file of this machine in place of what was typed."""
    assert read(*TYPED, "--thumbprint", THUMBPRINT).account == Account(URL, THUMBPRINT)


@pytest.mark.parametrize(
    ("words", "offline"),
    [
        ((), False),
        (("--issuer", "ca.example"), False),
        (("--issuer", "ca.example", "--draft", "01"), True),
        (("--issuer", "ca.example", "--draft", "02"), False),
        (("--issuer", "ca.example", "--draft", "02", "--hash-prefix", "https://a/"), True),
    ],
)
def test_what_needs_no_directory(words: tuple[str, ...], offline: bool) -> None:
    """Guards against: a network that a DNS operator's machine does not have."""
    assert read(*words).offline is offline


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-12-31", 1830211200),
        ("2027-12-31T12:00:00Z", 1830254400),
        ("2027-12-31T12:00:00+02:00", 1830247200),
        ("2027-12-31 12:00", 1830254400),
    ],
)
def test_dates(text: str, seconds: int) -> None:
    """Guards against: this machine's time zone in a record."""
    assert command_line.moment(text, NOW) == seconds


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("--until", "soon"), "--until"),
        (("--until", "2020-01-01"), "--until"),
        (("-d", "exämple.com"), "-d"),
        (("-d", "192.0.2.1"), "-d"),
        (("-d", "a b"), "-d"),
        (("-d", ".".join(["a" * 59] * 4)), "-d"),
        (("--account-uri", "123"), "--account-uri"),
        (("--account-uri", "https://a/1;policy=wildcard"), "--account-uri"),
        ((*TYPED, "--account", "x"), "--account"),
        ((*TYPED, "--server", "https://a/", "--server", "https://b/"), "--server"),
        (("--thumbprint", THUMBPRINT), "--thumbprint"),
        ((*TYPED, "--thumbprint", "x"), "--thumbprint"),
        (("--issuer", "CA.example"), "--issuer"),
        (("--hash-prefix", "x;y"), "--hash-prefix"),
        (("--zone", "a b"), "--zone"),
        (("--nameserver", "a:b:c"), "--nameserver"),
    ],
)
def test_a_wrong_flag_is_named(words: tuple[str, ...], flag: str) -> None:
    """Guards against: a record made of what an administrator mistyped."""
    with pytest.raises(UsageError) as raised:
        read(*words)
    assert [flag in problem for problem in raised.value.problems] == [True]
