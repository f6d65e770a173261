"""Engine certbot: DNS plugins of Certbot outside a run of Certbot, the real one and some that are made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.providers import examine
from certbot_external_auth.providers.certbot_plugin import CertbotPlugin
from certbot_external_auth.providers.engine import Kind, Problem, Variable
from tests.support import engines

SETTINGS = {"PATH": "/usr/bin:/bin"}
CREDENTIALS = "DNS_RFC2136_CREDENTIALS"
PLUGINS = '''
from certbot import errors
from certbot.plugins import dns_common


class Remembering(dns_common.DNSAuthenticator):
    """Keeps the number of a record in its object, and the last zone in something that JSON has not."""

    description = "remembers"

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.numbers = {}
        self.zones = set()

    @classmethod
    def add_parser_arguments(cls, add, default_propagation_seconds=10):
        super().add_parser_arguments(add, default_propagation_seconds)
        add("file", help="where it   notes\\n its calls")
        add("times", type=int, default=1, help="how often")
        add("quick", action="store_true", help="a switch")

    def more_info(self):
        return ""

    def _setup_credentials(self):
        self._configure("file", "where it notes its calls")

    def _note(self, *words):
        with open(self.conf("file"), "a") as file:
            print(*words, file=file)

    def _perform(self, domain, name, value):
        self.numbers[value] = 17
        self.zones.add(domain)
        self._note("add", domain, name, value, self.conf("times"), self.conf("quick"), self.conf("propagation-seconds"))

    def _cleanup(self, domain, name, value):
        self._note("remove", domain, name, self.numbers[value])


class Failing(Remembering):
    description = "fails"

    def _perform(self, domain, name, value):
        self.numbers[value] = 18
        raise errors.PluginError("the provider said no")


class OwnPerform(Remembering):
    def perform(self, achalls):
        return super().perform(achalls)


class Unrelated:
    pass


raised = None
'''
NAMES = {"dns-remembering": "Remembering", "dns-failing": "Failing", "dns-own": "OwnPerform", "dns-other": "Unrelated"}
MORE = json.dumps({"identifier": "www.example.org"})

here = engines.here
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with plugins, installed beside this Certbot; the file in which they note their calls."""
    site = tmp_path / "a site"
    info = site / "made_up_plugins-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "made_up_plugins.py").write_text(PLUGINS)
    points = [f"{name} = made_up_plugins:{made}\n" for name, made in {**NAMES, "dns-broken": "NotThere"}.items()]
    (info / "entry_points.txt").write_text("[certbot.plugins]\n" + "".join(points))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-plugins\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    return tmp_path / "calls"


def problems(name: str, **more: str) -> list[Problem]:
    return examine.problems("certbot", name, {**SETTINGS, **more})


def call(name: str, calls: Path, *words: str, state: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**SETTINGS, f"{name.upper().replace('-', '_')}_FILE": str(calls), **more}
    argv = [*CertbotPlugin(environment).program(name), *words]
    stdin = f"the-value\n{MORE}\n{state}"
    return subprocess.run(argv, input=stdin, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_dns_plugins_with_their_options_in_capitals(made_up: Path) -> None:
    found = {each.name: each for each in CertbotPlugin(SETTINGS).providers()}
    assert found["dns-rfc2136"].variables == (Variable(CREDENTIALS, "RFC 2136 credentials INI file."),)
    assert found["dns-remembering"].variables[0] == Variable("DNS_REMEMBERING_FILE", "where it notes its calls", None)
    assert not {"standalone", "webroot", "nginx", "external-auth"} & found.keys()
    refused = {name: each.refused.facts["why"] for name, each in found.items() if each.refused is not None}
    assert refused.keys() == {"dns-multi", "dns-own", "dns-other", "dns-broken"}
    assert "perform" in refused["dns-multi"]
    assert "DNSAuthenticator" in refused["dns-other"]
    assert "NotThere" in refused["dns-broken"]


def test_one_with_a_perform_of_its_own_is_refused() -> None:
    (problem,) = problems("dns-multi")
    assert (problem.kind, problem.facts["instead"]) == (Kind.REFUSED, ("lego:NAME",))


def test_an_option_that_certbot_would_ask_for_is_missing() -> None:
    facts = {"name": CREDENTIALS, "description": "RFC 2136 credentials INI file"}
    assert problems("dns-rfc2136") == [Problem(Kind.VARIABLE_MISSING, facts)]


def test_the_credentials_file_is_examined_as_certbot_does(tmp_path: Path) -> None:
    file = tmp_path / "rfc2136.ini"
    given = {CREDENTIALS: str(file)}
    (problem,) = problems("dns-rfc2136", **given)
    assert problem.facts["text"] == f"PluginError: File not found: {file}"
    file.write_text("dns_rfc2136_server = 192.0.2.1\ndns_rfc2136_name = key\n")
    file.chmod(0o600)
    (problem,) = problems("dns-rfc2136", **given)
    assert 'Property "dns_rfc2136_secret" not found (should be TSIG key secret)' in problem.facts["text"]
    file.write_text(file.read_text() + "dns_rfc2136_secret = 'c2VjcmV0'\n")
    assert problems("dns-rfc2136", **given) == []
    assert CertbotPlugin({**SETTINGS, **given}).saved["dns_rfc2136_secret"] == "c2VjcmV0"
    file.chmod(0o644)
    assert problems("dns-rfc2136", **given) == [Problem(Kind.SECRETS_READABLE, {"path": str(file)})]


def test_options_reach_the_plugin_and_what_it_keeps_reaches_the_removal(made_up: Path) -> None:
    """Guards against: a plugin that removes record None, because it was another process that added it."""
    more = {"DNS_REMEMBERING_TIMES": "3", "DNS_REMEMBERING_QUICK": "yes"}
    added = call("dns-remembering", made_up, "add", "_acme-challenge.www.example.org", "example.org", **more)
    assert (added.returncode, json.loads(added.stdout)) == (0, {"numbers": {"the-value": 17}})
    assert added.stderr.splitlines() == ["What the plugin keeps in zones does not reach the process that removes."]
    removed = call(
        "dns-remembering", made_up, "remove", "_acme-challenge.www.example.org", "example.org", state=added.stdout
    )
    assert removed.returncode == 0, removed.stderr
    assert made_up.read_text().splitlines() == [
        "add www.example.org _acme-challenge.www.example.org the-value 3 True 10",
        "remove www.example.org _acme-challenge.www.example.org 17",
    ]


@pytest.mark.parametrize(
    ("zone", "domain"),
    [("", "www.example.org"), ("example.org", "www.example.org"), ("acme.test", "acme.test")],
)
def test_the_plugin_looks_for_the_zone_where_the_record_is(made_up: Path, zone: str, domain: str) -> None:
    """Guards against: a record in the zone of the certificate's name, whose alias leads into another one."""
    call("dns-remembering", made_up, "add", "x.acme.test", zone)
    assert made_up.read_text().split()[1] == domain


def test_a_failure_has_the_plugins_words_and_keeps_what_is_known(made_up: Path) -> None:
    ended = call("dns-failing", made_up, "add", "_acme-challenge.www.example.org", "")
    assert (ended.returncode, json.loads(ended.stdout)) == (1, {"numbers": {"the-value": 18}})
    assert ended.stderr.splitlines()[-1] == "PluginError: the provider said no"


def test_a_wrong_value_of_an_option(made_up: Path) -> None:
    (problem,) = problems("dns-remembering", DNS_REMEMBERING_FILE="x", DNS_REMEMBERING_TIMES="many")
    assert "--dns-remembering-times: invalid int value: 'many'" in problem.facts["text"]
