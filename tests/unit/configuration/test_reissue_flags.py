"""The flags by which a certificate can be issued again, read from Certbot's configuration."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from certbot_external_auth import settings
from certbot_external_auth.configuration import reissue_flags
from certbot_external_auth.configuration.certbot_config import CertbotConfig

TYPED = SimpleNamespace(name="COMMAND_LINE")


def config(**given: Any) -> SimpleNamespace:
    """Certbot's configuration. What is given counts as typed."""
    made = SimpleNamespace(configurator=None, installer=None, pref_challs=[])
    made.argument_sources = dict.fromkeys(given, TYPED)
    for option in settings.OPTIONS:
        setattr(made, f"external_auth_{option.name}".replace("-", "_"), None)
    for option in settings.HISTORIC_OPTIONS:
        setattr(made, f"certbot_external_auth:out_{option.name}".replace("-", "_"), None)
    for dest in reissue_flags.OF_CERTBOT:
        setattr(made, dest, "default")
    for name, value in given.items():
        setattr(made, name, value)
    return made


def flags(one: SimpleNamespace, name: str = "external-auth") -> str:
    options = settings.OPTIONS if name == "external-auth" else settings.HISTORIC_OPTIONS
    return " ".join(reissue_flags.flags(CertbotConfig(one, name, options)))


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (config(), "-a external-auth"),
        (config(configurator="external-auth"), "-a external-auth -i external-auth"),
        (config(installer="nginx"), "-a external-auth -i nginx"),
        (config(pref_challs=["tls-alpn-01", "dns-01"]), "-a external-auth --preferred-challenges tls-alpn-01,dns-01"),
        (config(external_auth_verify="off"), "-a external-auth --external-auth-verify off"),
        (config(key_type="rsa", rsa_key_size=4096), "-a external-auth --key-type rsa --rsa-key-size 4096"),
        (config(key_type="ecdsa"), "-a external-auth"),
        (config(server="https://acme-v02.api.letsencrypt.org/directory"), "-a external-auth"),
        (config(server="https://ca.corp.example/dir"), "-a external-auth --server https://ca.corp.example/dir"),
    ],
)
def test_flags(one: SimpleNamespace, said: str) -> None:
    assert flags(one) == said


def test_switches_of_the_historic_name_have_no_value() -> None:
    made = config(**{"certbot_external_auth:out_text_mode": True})
    said = "-a certbot-external-auth:out --certbot-external-auth:out-text-mode"
    assert flags(made, "certbot-external-auth:out") == said


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (config(external_auth_mode="json"), ("-i", "external-auth", "--external-auth-mode", "json")),
        (
            config(external_auth_mode="json", external_auth_deploy_handler="/deploy"),
            ("-i", "external-auth", "--external-auth-deploy-handler", "/deploy"),
        ),
    ],
)
def test_a_command_that_takes_the_certificate_needs_no_driver(one: SimpleNamespace, words: tuple[str, ...]) -> None:
    found = CertbotConfig(one, "external-auth", settings.OPTIONS)
    assert reissue_flags.install_flags(found) == words
