"""Which types can prove what, and what is said before the order when none can."""

from __future__ import annotations

import pytest

from certbot_external_auth.challenges import PERSISTENT, TYPES, choice, tlssni01

DNS_ONLY = ("dns-01",)


@pytest.mark.parametrize(
    ("identifier", "preferred", "usable"),
    [
        ("a.test", (), ["dns-01", "http-01", "tls-alpn-01"]),
        ("a.test", ("tls-sni-01",), ["tls-sni-01"]),
        ("a.test", ("tls-sni-01", "dns-01"), ["dns-01", "tls-sni-01"]),
        ("*.a.test", ("tls-sni-01",), []),
        ("*.a.test", (), ["dns-01"]),
        ("192.0.2.1", ("tls-alpn-01", "dns-01"), ["tls-alpn-01"]),
        ("2001:db8::1", (), ["http-01", "tls-alpn-01"]),
        ("a.test", ("dns-account-01",), ["dns-account-01"]),
        ("*.a.test", ("dns-01", "dns-account-01"), ["dns-01", "dns-account-01"]),
        ("192.0.2.1", ("dns-account-01",), []),
        # It is used alone.
        ("a.test", ("dns-01", "dns-persist-01", "http-01"), ["dns-persist-01"]),
        ("*.a.test", ("dns-persist-01",), ["dns-persist-01"]),
        ("192.0.2.1", ("http-01", "dns-persist-01"), ["http-01"]),
    ],
)
def test_usable(identifier: str, preferred: tuple[str, ...], usable: list[str]) -> None:
    assert choice.usable(identifier, (*TYPES, PERSISTENT), preferred) == usable


@pytest.mark.parametrize(
    ("asked", "carried", "preferred", "said"),
    [
        ("*.a.test", TYPES, ("tls-alpn-01",), "give --preferred-challenges tls-alpn-01,dns-01"),
        ("*.a.test", TYPES, ("tls-alpn-01", "tls-sni-01", "http-01"), "a wildcard can be proven only by dns-01"),
        ("192.0.2.1", TYPES, ("dns-01",), "an address can be proven only by http-01 or tls-alpn-01"),
        ("192.0.2.1", TYPES, ("tls-sni-01",), "give --preferred-challenges tls-sni-01,http-01"),
        ("192.0.2.1", DNS_ONLY, (), "and the dialect lego supports only dns-01"),
        (
            "a.test",
            DNS_ONLY,
            ("tls-alpn-01",),
            "--preferred-challenges tls-alpn-01: the dialect lego supports only dns-01",
        ),
    ],
)
def test_problem(asked: str, carried: tuple[str, ...], preferred: tuple[str, ...], said: str) -> None:
    [problem] = choice.problems([asked], carried, preferred, "the dialect lego")
    assert said in problem


@pytest.mark.parametrize(
    ("asked", "preferred"),
    [
        (["a.test", "*.a.test"], ("tls-alpn-01", "dns-01")),
        (["a.test", "192.0.2.1", "::1"], ("tls-alpn-01",)),
        (["a.test", "*.a.test", "192.0.2.1"], ()),
        ([], ("tls-alpn-01",)),
    ],
)
def test_no_problem(asked: list[str], preferred: tuple[str, ...]) -> None:
    assert choice.problems(asked, TYPES, preferred, "the mode json") == []


@pytest.mark.parametrize(
    ("server", "withdrawn"),
    [
        ("https://acme-v02.api.letsencrypt.org/directory", True),
        ("https://acme-staging-v02.api.letsencrypt.org/directory", True),
        ("https://ACME-V02.API.LetsEncrypt.org./directory", True),
        ("https://letsencrypt.org.example/directory", False),
        ("https://ca.example/letsencrypt.org", False),
        ("https://notletsencrypt.org/", False),
        ("not a url", False),
    ],
)
def test_withdrawn_at_lets_encrypt(server: str, withdrawn: bool) -> None:
    assert tlssni01.withdrawn_at(server) is withdrawn
