"""The engines lego, lexicon and certbot, against real name servers and a CA that validates."""

from __future__ import annotations

import contextlib
import json
import mmap
import re
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certbot_external_auth.providers import lego, lego_names, program
from certbot_external_auth.providers.engine import Variable
from certbot_external_auth.providers.lexicon import Lexicon
from tests.support import certificates, engines
from tests.support.bind import Bind
from tests.support.certbot import Certbot, Result
from tests.support.httpreq_server import PASSWORD, USER, httpreq_server
from tests.support.powerdns import powerdns
from tests.support.recover import recover
from tests.support.rehearsals import rehearse
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

ZONE = "example.test"
DOMAIN = f"a.{ZONE}"
RECORD = f"_acme-challenge.{DOMAIN}"
SEEN_WITHIN = 30.0
SETTINGS = {"PATH": "/usr/bin:/bin"}

here = engines.here
REPLACES = "lego:rfc2136"


@dataclass
class Host:
    """A host whose Certbot reaches a name server through an engine.

    :ivar txt: the TXT values at a name. :ivar words: that choose the provider. :ivar domains: of its certificate.
    """

    certbot: Certbot
    txt: Callable[[str], list[str]]
    words: list[str]
    domains: list[str]

    def certonly(self, *more: str) -> Result:
        return self.certbot.run("certonly", *self.words, *names(*self.domains), *more)

    @property
    def published(self) -> int:
        """How many values there are at the names of its certificate."""
        return sum(
            len(self.txt(f"_acme-challenge.{one}")) for one in {each.removeprefix("*.") for each in self.domains}
        )


def rfc2136_by_lego(dns: Bind, folder: Path) -> dict[str, str]:
    return {
        "RFC2136_NAMESERVER": dns.server,
        "RFC2136_TSIG_KEY": dns.key_name,
        "RFC2136_TSIG_SECRET": dns.secret,
        "RFC2136_TSIG_ALGORITHM": "hmac-sha256.",
    }


def rfc2136_by_certbot(dns: Bind, folder: Path) -> dict[str, str]:
    credentials = folder / "rfc2136.ini"
    key = {"name": dns.key_name, "secret": dns.secret, "algorithm": "HMAC-SHA256"}
    settings = {"server": dns.address, "port": dns.port, **key}
    credentials.write_text("".join(f"dns_rfc2136_{name} = {value}\n" for name, value in settings.items()))
    credentials.chmod(0o600)
    return {"DNS_RFC2136_CREDENTIALS": str(credentials)}


@contextlib.contextmanager
def bind_host(folder: Path, provider: str) -> Iterator[Host]:
    settings = rfc2136_by_lego if provider == "lego:rfc2136" else rfc2136_by_certbot
    with (
        Bind(ZONE, "other.test", records="_acme-challenge.alias CNAME x.acme\n") as dns,
        TestCA(dns_server=dns.server) as ca,
    ):
        yield host(folder, ca, provider, settings(dns, folder), dns.txt)


@contextlib.contextmanager
def powerdns_host(folder: Path, provider: str) -> Iterator[Host]:
    with powerdns(ZONE) as dns, TestCA(dns_server=dns.server) as ca:
        lego = {"PDNS_API_URL": dns.api, "PDNS_API_KEY": dns.key}
        lexicon = {"LEXICON_POWERDNS_PDNS_SERVER": dns.api, "LEXICON_POWERDNS_AUTH_TOKEN": dns.key}
        yield host(folder, ca, provider, lego if provider.startswith("lego") else lexicon, dns.txt)


@contextlib.contextmanager
def httpreq_host(folder: Path, provider: str) -> Iterator[Host]:
    with TestCA() as ca, httpreq_server(ca) as server:
        settings = {"HTTPREQ_ENDPOINT": server.url, "HTTPREQ_USERNAME": USER, "HTTPREQ_PASSWORD": PASSWORD}
        yield host(folder, ca, provider, settings, ca.txt)


def host(folder: Path, ca: TestCA, provider: str, settings: dict[str, str], txt: Callable[[str], list[str]]) -> Host:
    certbot = Certbot(folder / "host", ca)
    certbot.environment.update(engines.needed(provider.partition(":")[0]))
    env_file = folder / "provider.env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    env_file.chmod(0o600)
    words = ["--external-auth-provider", provider, "--external-auth-env-file", str(env_file)]
    # lego's rfc2136 puts its value in the place of all others, so it cannot publish for a wildcard and its base.
    second = f"b.{ZONE}" if provider == REPLACES else f"*.{DOMAIN}"
    return Host(certbot, txt, ["-n", *AUTHENTICATOR, *words], [DOMAIN, second])


HOSTS = {
    "lego:rfc2136": bind_host,
    "lego:pdns": powerdns_host,
    "lego:httpreq": httpreq_host,
    "lexicon:powerdns": powerdns_host,
    "certbot:dns-rfc2136": bind_host,
}
SHORT = ("certbot:dns-rfc2136",)
MARKED = [pytest.param(each, marks=() if each in SHORT else pytest.mark.long) for each in HOSTS]


@pytest.mark.parametrize("provider", MARKED)
def test_base_and_wildcard_issue_and_renew(tmp_path: Path, provider: str) -> None:
    with HOSTS[provider](tmp_path, provider) as one:
        issued = one.certonly()
        assert issued.returncode == 0, issued
        assert certificates.names(one.certbot.live(DOMAIN)) == sorted(one.domains)
        assert one.published == 0
        first = certificates.serial(one.certbot.live(DOMAIN))
        renewed = one.certbot.run(*RENEW_NOW)
        assert renewed.returncode == 0, renewed
        assert certificates.serial(one.certbot.live(DOMAIN)) != first
        assert one.published == 0


@pytest.mark.long
@pytest.mark.parametrize("provider", [REPLACES, "certbot:dns-rfc2136"])
def test_an_alias(tmp_path: Path, provider: str) -> None:
    """lego follows it by itself, and Certbot's plugin is told where it leads."""
    with HOSTS[provider](tmp_path, provider) as one:
        issued = one.certbot.run("certonly", *one.words, *names(f"alias.{ZONE}"))
        assert issued.returncode == 0, issued
        assert f"is an alias of x.acme.{ZONE}" in issued.log
        assert one.txt(f"x.acme.{ZONE}") == []


def test_lego_follows_aliases_with_our_name_servers_and_writes_nowhere_else(tmp_path: Path) -> None:
    """Guards against: a record at another name than the one that the journal has, which nothing would remove."""
    with Bind(ZONE, "other.test", records="_acme-challenge.alias CNAME x.other.test.\n") as dns:
        environment = {**SETTINGS, **engines.needed("lego"), **rfc2136_by_lego(dns, tmp_path)}
        argv = [sys.executable, "-I", program.__file__, lego.__file__, str(engines.FOLDER), "rfc2136"]
        more = {"identifier": f"alias.{ZONE}", "token": "t", "key_authorization": "t.k", "name_servers": [dns.server]}

        def call(operation: str, record: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*argv, operation, record, ""],
                input=f"value\n{json.dumps(more)}\n",
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )

        assert call("add", "x.other.test").returncode == 0
        assert len(dns.txt("x.other.test")) == 1
        assert call("remove", "x.other.test").returncode == 0
        assert dns.txt("x.other.test") == []
        refused = call("add", "another.other.test")
        assert refused.returncode == 1
        assert "lego follows aliases to x.other.test, and the plugin to another.other.test" in refused.stderr
        assert dns.txt("x.other.test") == []


@pytest.mark.long
def test_one_that_replaces_values_is_explained(tmp_path: Path) -> None:
    """lego's rfc2136 puts its value in the place of the others."""
    with HOSTS[REPLACES](tmp_path, REPLACES) as one:
        refused = one.certbot.run("certonly", *one.words, *names(DOMAIN, f"*.{DOMAIN}"))
        assert refused.returncode == 1
        assert f"The provider {REPLACES} replaces what stands at the name" in refused.stderr
        assert not refused.validated
        assert one.txt(RECORD) == []


@pytest.mark.long
@pytest.mark.parametrize("provider", list(HOSTS))
def test_killed_in_the_middle_and_recovered(tmp_path: Path, provider: str) -> None:
    """Guards against: records that stay for good, because their removal needs what the killed process knew."""
    with HOSTS[provider](tmp_path, provider) as one:
        look = ["--external-auth-verify-nameservers", one.certbot.ca.dns, "--external-auth-verify-settle", "60"]
        words = ["certonly", *one.words, *names(*one.domains), *look]
        with one.certbot.started(words) as process:
            deadline = time.monotonic() + SEEN_WITHIN
            while one.published < 2:
                assert process.poll() is None, process.stdout.read()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        recovered = recover(one.certbot)
        assert recovered.returncode == 0, recovered.stdout
        assert one.published == 0


@pytest.mark.long
@pytest.mark.usefixtures("here")
def test_providers_with_the_variables_of_their_parsers() -> None:
    found = {each.name: each for each in Lexicon(SETTINGS).providers()}
    assert len(found) > 85
    assert "base" not in found
    first = found["powerdns"].variables[0]
    assert first == Variable("LEXICON_POWERDNS_AUTH_TOKEN", "specify token for authentication")
    assert found["powerdns"].refused is None
    # lego's refusals lead to these.
    twins = {twin for twins in lego_names.IN_MEMORY.values() for twin in twins if twin.startswith("lexicon:")}
    assert {twin.partition(":")[2] for twin in twins} <= found.keys()


@pytest.mark.long
@pytest.mark.parametrize("provider", list(HOSTS))
def test_check_tries_it_without_a_ca(tmp_path: Path, provider: str) -> None:
    """One that replaces values cannot do a name with its wildcard."""
    with HOSTS[provider](tmp_path, provider) as one:
        env_file = one.words[one.words.index("--external-auth-env-file") + 1]
        words = ["--provider", provider, "--env-file", env_file, "--domain", f"rehearsal.{ZONE}", "--json"]
        look = ["--nameserver", one.certbot.ca.dns, "--verify-timeout", "3"]
        found = rehearse(*words, *look, environment=one.certbot.environment)
        assert found.code == 0, found
        assert json.loads(found.stdout.splitlines()[-1])["with_wildcard"] == ("no" if provider == REPLACES else "yes")
        assert one.txt(f"_acme-challenge.rehearsal.{ZONE}") == []


@pytest.mark.long
def test_lexicon_of_debian_12(tmp_path: Path) -> None:
    """It is of 2023, and in the Python of the system."""
    python = "/usr/bin/python3"
    asked = subprocess.run([python, "-c", "import lexicon.client"], capture_output=True, check=False, timeout=60)
    if asked.returncode != 0:
        pytest.skip(f"{python} has no lexicon")
    with powerdns_host(tmp_path, "lexicon:powerdns") as one:
        one.certbot.environment.update({"LEXICON_PYTHON": python, "PYTHONPATH": ""})
        issued = one.certonly()
        assert issued.returncode == 0, issued
        assert one.published == 0


@pytest.mark.long
def test_lego_in_a_python_of_its_own(tmp_path: Path) -> None:
    """As beside a Certbot of the distribution, which shall stay as it is."""
    with httpreq_host(tmp_path, "lego:httpreq") as one:
        other = tmp_path / "a python of its own"
        venv.create(other, with_pip=False)
        (site,) = other.glob("lib/python*/site-packages")
        (site / "lego.pth").write_text(f"{engines.FOLDER}\n")
        one.certbot.environment.update({"LEGO_PYTHON": str(other / "bin" / "python"), "PYTHONPATH": ""})
        issued = one.certonly()
        assert issued.returncode == 0, issued
        assert one.published == 0


def test_what_is_missing_is_said_before_the_order(tmp_path: Path) -> None:
    """A sentence each, with the engine's own description."""
    with TestCA() as ca:
        one = host(tmp_path, ca, "certbot:dns-rfc2136", {}, ca.txt)
        said = {
            "certbot:dns-rfc2136": "the variable DNS_RFC2136_CREDENTIALS (RFC 2136 credentials INI file) is missing",
            "lego:porkbun": "; use acme.sh:porkbun or lexicon:porkbun or certbot:dns-porkbun.",
        }
        for provider, sentence in said.items():
            words = [*one.words[:-4], "--external-auth-provider", provider]
            refused = one.certbot.run("certonly", *words, *names(DOMAIN))
            assert refused.returncode == 1
            assert sentence in refused.stderr
            assert not refused.ordered


def messages_about_ids() -> Iterator[str]:
    """Yield the names of providers in lego's messages ``NAME: unknown record ID``, as they stand in its library.

    Texts stand there one after the other, so that the end of another text may be before the name.
    """
    (library,) = engines.FOLDER.glob("lego_bridge*.so")
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(b": unknown ")
        while at != -1:
            before, after = content[at - 30 : at], content[at : at + 30]
            if re.match(rb": unknown (?:record ?|zone |domain )ID", after):
                yield re.split(rb"[^a-z0-9]", before)[-1].decode()
            at = content.find(b": unknown ", at + 1)


@pytest.mark.long
@pytest.mark.usefixtures("here")
def test_the_list_of_providers_in_memory_is_that_of_this_lego() -> None:
    """Guards against: a newer lego with more of them, for which the list must be made again."""
    assert engines.version("certbot-dns-multi") == lego_names.VERSION
    found = list(messages_about_ids())
    # Their messages begin with another word than their name.
    others = {"51dns": "dns51", "aurora": "auroradns"}
    known = {*lego_names.IN_MEMORY, *others}
    assert len(found) > 60
    assert [text for text in found if not text.endswith(tuple(known))] == []
