"""Engine lego: what it says about providers, with the library of certbot-dns-multi."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from certbot_external_auth.providers import examine, lego_names
from certbot_external_auth.providers.engine import Kind, Missing, Problem, Variable
from certbot_external_auth.providers.lego import Lego
from tests.support import engines

SETTINGS = {"PATH": "/usr/bin:/bin"}

here = engines.here
pytestmark = pytest.mark.usefixtures("here")


def problems(name: str, **more: str) -> list[Problem]:
    return examine.problems("lego", name, {**SETTINGS, **more})


def test_every_provider_of_the_library_with_what_lego_says_it_needs() -> None:
    found = {each.name: each for each in Lego(SETTINGS).providers()}
    assert found.keys() == lego_names.NAMES
    assert all(found[name].variables == () for name in lego_names.LOOKING_ABOUT)
    assert found["hetzner"].variables == (Variable("HETZNER_API_TOKEN"),)
    names = [(each.name, each.group) for each in found["joker"].variables]
    assert names == [("JOKER_USERNAME", 0), ("JOKER_PASSWORD", 0), ("JOKER_API_KEY", 1)]
    assert found["hetzner"].url == "https://go-acme.github.io/lego/dns/hetzner/"


def test_providers_that_remember_only_in_memory_are_refused_with_their_twins() -> None:
    """Guards against: a record that no process can remove, and with gandiv5 a removal that only seems to succeed."""
    refused = {each.name: each.refused for each in Lego(SETTINGS).providers() if each.refused is not None}
    assert refused.keys() == lego_names.IN_MEMORY.keys() | lego_names.OTHER_USES.keys()
    (problem,) = problems("porkbun")
    assert problem.kind is Kind.REFUSED
    assert problem.facts["instead"] == ("acme.sh:porkbun", "lexicon:porkbun", "certbot:dns-porkbun")
    assert {"gandiv5", "easydns", "cloudflare", "ovh", "digitalocean"} < refused.keys()
    assert not {"hetzner", "rfc2136", "pdns", "httpreq", "route53", "desec"} & refused.keys()


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({}, [("DNSUPDATE_NAMESERVER", Kind.VARIABLE_MISSING)]),
        ({"RFC2136_NAMESERVER": "192.0.2.1"}, []),
        ({"DNSUPDATE_NAMESERVER": "192.0.2.1"}, []),
    ],
)
def test_a_variable_counts_under_each_of_its_names(more: dict[str, str], kinds: list[tuple[str, Kind]]) -> None:
    assert [(each.facts["name"], each.kind) for each in problems("rfc2136", **more)] == kinds


def test_of_a_group_that_is_begun_the_rest_is_missing(tmp_path: Path) -> None:
    """Also a variable whose value is in a file counts."""
    key = tmp_path / "key"
    key.write_text("secret")
    assert [each.facts["name"] for each in problems("pdns", PDNS_API_KEY_FILE=str(key))] == ["PDNS_API_URL"]


def test_what_else_lego_says(tmp_path: Path) -> None:
    (problem,) = problems("dnsimple")
    assert problem == Problem(Kind.SAID, {"text": "dnsimple: OAuth token is missing"})
    (problem,) = problems("hetznr")
    assert (problem.kind, problem.facts["near"]) == (Kind.UNKNOWN_PROVIDER, ("hetzner",))


@pytest.mark.parametrize(("value", "followed"), [("", True), ("false", True), ("1", False), ("true", False)])
def test_aliases_are_followed_unless_lego_is_told_not_to(value: str, followed: bool) -> None:
    assert Lego({"LEGO_DISABLE_CNAME_SUPPORT": value}).told_aliases is followed


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(engines.FOLDER)])
    install = f"{sys.executable} -m pip install certbot-dns-multi"
    assert Lego(SETTINGS).installed() == Missing("certbot-dns-multi", (install,))
    # Another Python is looked into by running it.
    missing = Lego({**SETTINGS, "LEGO_PYTHON": sys.executable}).installed()
    assert missing is not None
    assert missing.commands == (install,)
    assert missing.why == "ModuleNotFoundError: No module named 'lego_bridge'"


def test_a_python_that_is_not_there() -> None:
    missing = Lego({**SETTINGS, "LEGO_PYTHON": "/nowhere/python"}).installed()
    assert missing is not None
    assert missing.why == "it could not be started: No such file or directory"


def test_another_python_is_looked_into_once(tmp_path: Path) -> None:
    """Guards against: a start of it before every record."""
    counting = tmp_path / "python"
    counting.write_text(f"#!/bin/sh\necho >>{shlex.quote(str(tmp_path / 'starts'))}\nexit 1\n")
    counting.chmod(0o755)
    made = Lego({**SETTINGS, "LEGO_PYTHON": str(counting)})
    assert made.installed() == made.installed() is not None
    assert (tmp_path / "starts").read_text() == "\n"
