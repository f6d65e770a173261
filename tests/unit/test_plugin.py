"""What the host pays for a plugin it does not use, and what is taken from Certbot by one that is used."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from certbot_external_auth import plugin, settings
from certbot_external_auth.errors import UsageError
from tests.support import certificates

LOADED = """
import sys, certbot.main
before = set(sys.modules)
import certbot_external_auth.plugin
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
"""


def test_the_import_loads_nothing_but_itself() -> None:
    """Every Certbot command of the host pays for it."""
    shown = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in shown} == {"certbot_external_auth"}
    parts = (
        "",
        ".configuration",
        ".configuration.value_sources",
        ".errors",
        ".handler_setup",
        ".handler_setup.command_line",
        ".plugin",
        ".registration",
        ".settings",
    )
    assert set(shown) == {f"certbot_external_auth{part}" for part in parts}


def asked(folder: Path, **found: object) -> list[str] | None:
    """What the guard compares with, sorted, by what Certbot has of the names."""
    config = Namespace(**{"domains": [], "csr": None, "certname": None, "config_dir": str(folder), **found})
    names = plugin.ExternalAuth(config, "external-auth")._asked()
    return None if names is None else sorted(names)


def lineage(folder: Path, name: str) -> Path:
    """Where a lineage's certificate is."""
    path = folder / "live" / name / "cert.pem"
    path.parent.mkdir(parents=True)
    return path


def test_names_asked_for_are_certbots(tmp_path: Path) -> None:
    """Lost: a name of the CA's own taken for one that was asked for."""
    assert asked(tmp_path, domains=["a.test", "*.a.test"]) == ["*.a.test", "a.test"]
    assert asked(tmp_path, domains=["a.test"], ip_addresses=["192.0.2.1"]) == ["192.0.2.1", "a.test"]
    assert asked(tmp_path, ip_addresses=["2001:db8::1"]) == ["2001:db8::1"]


def test_addresses_asked_for_are_also_those_of_a_request(tmp_path: Path) -> None:
    """Certbot takes only the names out of it."""
    content = certificates.request(tmp_path / "csr.pem", ["a.test"], ["192.0.2.1"]).read_bytes()
    assert asked(tmp_path, domains=["a.test"], csr=("csr.pem", content, None)) == ["192.0.2.1", "a.test"]


def test_without_names_they_are_those_of_the_lineage(tmp_path: Path) -> None:
    """Lost: the comparison at `certonly --cert-name`, and at each renewal."""
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


CONFIG = {
    "domains": ["a.test"],
    "csr": None,
    "certname": None,
    "verb": "certonly",
    "dry_run": False,
    "quiet": True,
    "noninteractive_mode": True,
    "pref_challs": [],
    "server": "",
    "https_port": 443,
    "http01_port": 80,
    "allow_subset_of_names": False,
    "key_type": "ecdsa",
    "elliptic_curve": "secp256r1",
    "configurator": None,
    "rsa_key_size": 2048,
    "logs_dir": "/nowhere",
}


@pytest.mark.parametrize("made", [plugin.ExternalAuth, plugin.HistoricExternalAuth])
@pytest.mark.parametrize("value", [True, False, "yes", "", "\0"])
def test_no_value_of_a_renewal_file_is_a_traceback(
    made: type[plugin.ExternalAuth], value: object, tmp_path: Path
) -> None:
    """Certbot makes bool of the words True and False, and a text of what a switch should have been."""
    name = "certbot-external-auth:out" if made.historic else "external-auth"
    folders = {"config_dir": str(tmp_path / "config"), "work_dir": str(tmp_path / "work")}
    for option in made.options:
        config = Namespace(**CONFIG, **folders, authenticator=name, installer=name)
        found = made(config, name)
        for one in made.options:
            setattr(config, found.dest(one.name), False if one.historic_switch else None)
        setattr(config, found.dest("handler"), "/bin/true")
        setattr(config, found.dest(option.name), value)
        try:
            found.prepare()
        except UsageError:
            continue
        assert value not in ("", "\0"), option.name
        kept = getattr(config, found.dest(option.name))
        assert option.historic_switch or isinstance(kept, (str, bool))


def test_a_comma_in_a_renewal_file(tmp_path: Path) -> None:
    """Lost: the text of a list, taken for a command line."""
    for option in settings.OPTIONS:
        if option.name in settings.LISTS:
            assert plugin._parsed(option.name, ["a", "b"]) == "a,b"
        else:
            with pytest.raises(UsageError, match=option.name):
                plugin._parsed(option.name, ["a", "b"])
