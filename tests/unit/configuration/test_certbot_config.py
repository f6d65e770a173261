"""Where Certbot has a value from, with the Certbot that records it (2.7) and the one that does not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from certbot import configuration

from certbot_external_auth import settings
from certbot_external_auth.configuration.certbot_config import CertbotConfig, Source
from certbot_external_auth.errors import UsageError


def config(**values: Any) -> CertbotConfig:
    namespace = SimpleNamespace(verb="certonly", pref_challs=None)
    for option in settings.OPTIONS:
        setattr(namespace, f"external_auth_{option.name}".replace("-", "_"), None)
    for name, value in values.items():
        setattr(namespace, name, value)
    return CertbotConfig(namespace, settings.NAME, settings.OPTIONS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("COMMAND_LINE", Source.COMMAND_LINE),
        ("CONFIG_FILE", Source.CLI_INI),
        ("ENV_VAR", Source.CLI_INI),
        ("RUNTIME", Source.RENEWAL_FILE),
        ("DEFAULT", Source.DEFAULT),
        (None, Source.DEFAULT),
    ],
)
def test_certbot_tells_the_source(name: str | None, expected: Source) -> None:
    sources = {} if name is None else {"external_auth_verify": SimpleNamespace(name=name)}
    made = config(argument_sources=sources, external_auth_verify="off")
    assert made.source("verify") is expected
    assert made.given == ({"verify"} if expected.given else set())


def test_every_source_of_certbot_is_known() -> None:
    """Guards against a value that counts as a default because a new Certbot has another word for its source."""
    known = getattr(configuration, "ArgumentSource", None)
    if known is None:
        pytest.skip("this Certbot records no sources")
    assert {source.name for source in known} <= {"COMMAND_LINE", "CONFIG_FILE", "ENV_VAR", "RUNTIME", "DEFAULT"}


@pytest.mark.parametrize(
    ("words", "verb", "value", "expected"),
    [
        (["--external-auth-verify", "off"], "renew", "off", Source.COMMAND_LINE),
        (["--external-auth-verify=off"], "renew", "off", Source.COMMAND_LINE),
        (["--external-auth-verify-settle", "9"], "renew", None, Source.DEFAULT),
        ([], "renew", "off", Source.RENEWAL_FILE),
        ([], "reconfigure", "off", Source.RENEWAL_FILE),
        ([], "certonly", "off", Source.CLI_INI),
        ([], "certonly", False, Source.DEFAULT),
    ],
)
def test_an_old_certbot_does_not_tell_the_source(
    words: list[str], verb: str, value: object, expected: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["certbot", verb, *words])
    assert config(verb=verb, external_auth_verify=value).source("verify") is expected


def test_what_the_plugin_restored_counts_as_kept() -> None:
    """Guards against a handler of the renewal file that is resolved again, from another folder."""
    made = config(verb="install", external_auth_handler="/bin/true")
    made.restored.add("handler")
    assert made.source("handler") is Source.RENEWAL_FILE
    assert made.words("handler", "/bin/true x") == ("/bin/true", "x")


def test_a_typed_command_and_path_are_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hook").touch()
    made = config()
    assert made.words("handler", "./hook -x") == (str(tmp_path / "hook"), "-x")
    assert made.value("handler") == f"{tmp_path}/hook -x"
    assert made.path("wellknown", "files") == str(tmp_path / "files") == made.value("wellknown")


@pytest.mark.parametrize("text", ["", " ", "a\0b", "/a%(b)s", "/a\nb"])
def test_a_path_that_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--external-auth-env-file"):
        config().path("env-file", text)
