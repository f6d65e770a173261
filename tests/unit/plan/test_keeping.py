"""What keeps each setting of Dehydrated that would change a certificate."""

from __future__ import annotations

import pytest

from certbot_external_auth.plan import keeping
from certbot_external_auth.plan.keeping import Kind

MAIN = {
    **dict.fromkeys(keeping.OF_A_CERTIFICATE, ""),
    "CA": "letsencrypt",
    "CA_LETSENCRYPT": keeping.LETSENCRYPT,
    "CA_ZEROSSL": "https://zerossl.test/dir",
    "CHALLENGETYPE": "http-01",
    "HOOK_CHAIN": "no",
    "KEYSIZE": "4096",
    "KEY_ALGO": "secp384r1",
    "RENEW_DAYS": "32",
    "PRIVATE_KEY_RENEW": "yes",
    "PRIVATE_KEY_ROLLOVER": "no",
    "OCSP_MUST_STAPLE": "no",
    "OCSP_FETCH": "no",
    "ORDER_TIMEOUT": "0",
}
"""Dehydrated's defaults."""
CURVE = ((("KEY_ALGO", "secp384r1"),), Kind.KEPT, ("--key-type", "ecdsa", "--elliptic-curve", "secp384r1"))


def found(version: tuple[int, ...] = (5, 8), **settings: str) -> list[tuple[object, ...]]:
    return [(one.settings, one.kind, one.flags) for one in keeping.general({**MAIN, **settings}, version)]


def test_the_default_key_is_not_certbots() -> None:
    """Lost: a certificate with another kind of key, although nothing was set."""
    assert found() == [CURVE]


@pytest.mark.parametrize(
    ("setting", "value", "kind", "flags"),
    [
        ("CA", "https://ca.test/dir", Kind.KEPT, ("--server", "https://ca.test/dir")),
        ("CA", "zerossl", Kind.KEPT, ("--server", "https://zerossl.test/dir")),
        ("PRIVATE_KEY_RENEW", "no", Kind.FIRST_KEY_IS_NEW, ("--reuse-key",)),
        ("PRIVATE_KEY_ROLLOVER", "yes", Kind.CERTBOT_CANNOT, ()),
        ("OCSP_FETCH", "yes", Kind.CERTBOT_CANNOT, ()),
        ("OCSP_MUST_STAPLE", "yes", Kind.KEPT, ("--must-staple",)),
        ("PREFERRED_CHAIN", "ISRG Root X1", Kind.KEPT, ("--preferred-chain", "ISRG Root X1")),
        ("ACME_PROFILE", "shortlived", Kind.KEPT, ("--preferred-profile", "shortlived")),
        ("ORDER_TIMEOUT", "60", Kind.KEPT, ("--issuance-timeout", "60")),
        ("RENEW_DAYS", "10", Kind.IN_THE_RENEWAL_FILE, ()),
    ],
)
def test_a_setting_that_would_change_the_certificate(
    setting: str, value: str, kind: Kind, flags: tuple[str, ...]
) -> None:
    expected = (((setting, value),), kind, flags)
    assert [one for one in found(**{setting: value}) if one != CURVE] == [expected]


@pytest.mark.parametrize(
    ("algorithm", "flags"),
    [
        ("rsa", ("--key-type", "rsa", "--rsa-key-size", "4096")),
        ("prime256v1", ("--key-type", "ecdsa", "--elliptic-curve", "secp256r1")),
        ("secp521r1", ("--key-type", "ecdsa", "--elliptic-curve", "secp521r1")),
    ],
)
def test_each_kind_of_key(algorithm: str, flags: tuple[str, ...]) -> None:
    assert [one[2] for one in found(KEY_ALGO=algorithm)] == [flags]


def test_a_profile_with_a_certbot_that_has_none() -> None:
    assert found((2, 1), ACME_PROFILE="x")[1:] == [((("ACME_PROFILE", "x"),), Kind.NEEDS_NEWER_CERTBOT, ())]


def test_what_a_certificate_has_of_its_own() -> None:
    """Lost: its hook and type, since the plugin reads the main configuration only."""
    changed = {"CHALLENGETYPE": "dns-01", "HOOK": "./my hook.sh", "HOOK_CHAIN": "yes", "WELLKNOWN": "/w"}
    flags = [one.flags for one in keeping.own({**MAIN, **changed}, MAIN, "/etc/dehydrated")]
    assert flags == [
        ("--preferred-challenges", "dns-01"),
        ("--external-auth-handler", "'/etc/dehydrated/./my hook.sh'"),
        ("--external-auth-hook-chain", "yes"),
        ("--external-auth-wellknown", "/w"),
    ]
    assert keeping.own({**MAIN, "KEY_ALGO": "rsa"}, MAIN, "/etc") == ()


def test_a_hook_by_its_name_is_looked_up_on_path() -> None:
    [hook] = keeping.own({**MAIN, "HOOK": "dns-hook"}, MAIN, "/etc")
    assert hook.flags == ("--external-auth-handler", "dns-hook")
