"""From options to the context of a run."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import certbot.errors
import pytest

from certbot_external_auth.configuration import assembly
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import MissingDependencyError, UsageError
from certbot_external_auth.settings import Settings
from tests.support import certificates


def asked(folder: Path, **values: object) -> list[str] | None:
    """What the guard compares with, sorted, by what Certbot has of the names."""
    config = Namespace(**{"domains": [], "csr": None, "certname": None, "config_dir": str(folder), **values})
    names = assembly.names_asked_for(config)
    return None if names is None else sorted(names)


def lineage(folder: Path, name: str) -> Path:
    """Where a lineage's certificate is."""
    path = folder / "live" / name / "cert.pem"
    path.parent.mkdir(parents=True)
    return path


def test_names_asked_for_are_certbots(tmp_path: Path) -> None:
    """Guards against a name that the CA chose taken for one that was asked for."""
    assert asked(tmp_path, domains=["a.test", "*.a.test"]) == ["*.a.test", "a.test"]
    assert asked(tmp_path, domains=["a.test"], ip_addresses=["192.0.2.1"]) == ["192.0.2.1", "a.test"]
    assert asked(tmp_path, ip_addresses=["2001:db8::1"]) == ["2001:db8::1"]


def test_addresses_asked_for_are_also_those_of_a_request(tmp_path: Path) -> None:
    """Certbot takes only the names out of it."""
    content = certificates.request(tmp_path / "csr.pem", ["a.test"], ["192.0.2.1"]).read_bytes()
    assert asked(tmp_path, domains=["a.test"], csr=("csr.pem", content, None)) == ["192.0.2.1", "a.test"]


def test_without_names_they_are_those_of_the_lineage(tmp_path: Path) -> None:
    """Guards against no comparison at `certonly --cert-name`, and at each renewal."""
    certificates.self_signed(lineage(tmp_path, "some"), ["a.test", "b.test"])
    assert asked(tmp_path, certname="some") == ["a.test", "b.test"]
    # What is to be in the new certificate counts, not what is in the old one.
    assert asked(tmp_path, certname="some", domains=["c.test"]) == ["c.test"]


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_names_are_unknown_where_nobody_can_say(tmp_path: Path, content: str | None) -> None:
    """Unknown is not the same as none: with none every challenge would be refused."""
    assert asked(tmp_path) is None
    if content is not None:
        lineage(tmp_path, "some").write_text(content)
    assert asked(tmp_path, certname="some") is None


class Given:
    """Options as given, words and paths as they are."""

    def __init__(self, *types: str, **values: str) -> None:
        self.named_types = types
        self._values = {name.replace("_", "-"): value for name, value in values.items()}

    def values(self) -> dict[str, str]:
        return self._values

    def words(self, option: str, text: str) -> tuple[str, ...]:
        return (option, text)

    def path(self, option: str, text: str) -> str:
        return f"/{option}/{text}"


def test_a_dehydrated_configuration_is_read_with_the_env_file(tmp_path: Path) -> None:
    """Lost: every renewal by a timer, which has no variables of a shell."""
    for name, text in (("config", 'HOOK=/bin/true\nexport KEY="$OF_ENV_FILE"\n'), ("env", "OF_ENV_FILE=x\n")):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(text)

    class Here(Given):
        def path(self, option: str, text: str) -> str:
            return str(tmp_path / text)

    found = context(Here("dns-01", dehydrated_config="config", env_file="env"))
    assert found.facts.exports == {"KEY": "x"}


def context(given: Given) -> assembly.Context:
    handler = assembly.handler_of(assembly.settings_of(given.values()), given)
    return assembly.context_of(handler, Facts(alias="a.test"))


def test_a_handler_learns_its_settings_as_facts() -> None:
    found = context(Given(handler="x", dialect="certbot", cleanup_handler="y", wellknown="w", env_file="e"))
    assert found.words == ("handler", "x")
    assert (found.settings.wellknown, found.settings.env_file) == ("/wellknown/w", "/env-file/e")
    assert found.facts == Facts(alias="a.test", wellknown="/wellknown/w", cleanup_words=("cleanup-handler", "y"))
    assert context(Given(handler="x", dialect="dehydrated", hook_chain="yes")).facts.chain


def test_facts_follow_changed_settings() -> None:
    """Guards against a rehearsal that calls a hook in a chain and tells it otherwise."""
    changed = assembly.facts_of(Facts(alias="a.test", chain=True), Settings(mode="handler", wellknown="/w"))
    assert (changed.alias, changed.chain, changed.wellknown) == ("a.test", False, "/w")


def test_a_dehydrated_configuration_says_what_flags_do_not(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    hook = tmp_path / "hook"
    hook.touch(0o755)
    path = tmp_path / "dehydrated" / "config-file"
    path.parent.mkdir()
    path.write_text(f"HOOK={hook}\nHOOK_CHAIN=yes\nWELLKNOWN={tmp_path}/files\nCHALLENGETYPE=dns-01\nexport KEY=k\n")

    class Here(Given):
        def path(self, option: str, text: str) -> str:
            return text

    found = context(Here(dehydrated_config=str(path)))
    assert (found.words, found.settings.hook_chain, found.facts.chain) == ((str(hook),), True, True)
    assert (found.settings.wellknown, found.facts.exports["KEY"]) == (f"{tmp_path}/files", "k")
    assert (found.config_files, found.facts.config) == ((str(path),), str(path))
    flags = context(Here(dehydrated_config=str(path), handler="x", hook_chain="no", wellknown="/w"))
    assert (flags.words, flags.facts.chain, flags.settings.wellknown) == (("handler", "x"), False, "/w")


@pytest.mark.parametrize("error", [ImportError("gone"), AttributeError("broken")])
def test_a_library_that_cannot_be_loaded_is_named(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> None:
        raise error

    monkeypatch.setattr(assembly.importlib, "import_module", load)
    with pytest.raises(MissingDependencyError, match="dnspython"):
        assembly.require("dns.message", "dnspython")


def test_a_signal_while_a_library_loads_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against Ctrl-C reported as a broken installation: Certbot's class for signals is an Exception."""

    def load(name: str) -> None:
        raise certbot.errors.SignalExit

    monkeypatch.setattr(assembly.importlib, "import_module", load)
    with pytest.raises(certbot.errors.SignalExit):
        assembly.require("dns.message", "dnspython")


def test_no_other_package_is_looked_for_unless_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against reading the metadata of every installed package in each run."""
    asked: list[str] = []
    monkeypatch.setattr(assembly.extensions, "names", lambda group: asked.append(group) or ["fax"])
    assembly.settings_of({"mode": "json", "dialect": "lego"})
    assert asked == []
    assert assembly.settings_of({"mode": "fax"}).mode == "fax"
    with pytest.raises(UsageError, match="fax"):
        assembly.settings_of({"handler": "x", "dialect": "fux"})
