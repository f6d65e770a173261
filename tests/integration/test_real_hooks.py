"""Hooks that others wrote and distributions ship, unmodified, against the real servers they were written for.

They ask the system's resolver and talk to port 53, so each test has a network of its own.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import certificates, private_network
from tests.support.bind import Bind
from tests.support.certbot import SYSTEM_PATH, Certbot, Result
from tests.support.powerdns import PowerDns, powerdns
from tests.support.rehearsals import Rehearsal, rehearse
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import RENEW_NOW, handler, names

LEXICON = "/usr/share/doc/lexicon/examples/dehydrated.default.sh"
LEXICON_CERTBOT = "/usr/share/doc/lexicon/examples/certbot.default.sh"
DDNS_TSIG = "/usr/share/dehydrated-hook-ddns-tsig/dehydrated-hook-ddns-tsig.py"
UACME = "/usr/share/uacme/nsupdate.sh"
UACME_FILES = "/usr/share/uacme/uacme.sh"
ACMETOOL = "/usr/share/doc/acmetool/examples/dns.hook"
# lexicon looks for the zone in the list of public suffixes, so it is one below a real one, and nobody can have it.
ZONE = "example.org"
RESOLVER = {"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n"}
DEHYDRATED = ("--external-auth-dialect", "dehydrated")
CHAINED = ("--external-auth-hook-chain", "yes")

alone = pytest.mark.skipif(not private_network.possible(), reason="a network of its own needs root")


class Host:
    """A host with a name server and a Certbot, for whose CA that name server is the world's."""

    def __init__(self, folder: Path, ca: TestCA) -> None:
        self.certbot = Certbot(folder / "host", ca)
        self.certbot.environment["PATH"] = SYSTEM_PATH

    def rehearses(self, hook: str, *words: str) -> Rehearsal:
        """Looked at where the zone's delegation leads."""
        more = ["--domain", f"rehearsal.{ZONE}", "--json", *words]
        return rehearse(hook, *more, environment=self.certbot.environment, cwd=self.certbot.cwd)

    def issues_and_renews(self, words: list[str], *wanted: str, renew: Sequence[str] = ()) -> list[Result]:
        """:param renew: words of the renewal alone."""
        first = self.certbot.run("certonly", *words, *names(*wanted))
        assert first.returncode == 0, first
        assert certificates.names(self.certbot.live(wanted[0])) == sorted(wanted)
        serial = certificates.serial(self.certbot.live(wanted[0]))
        renewed = self.certbot.run(*RENEW_NOW, *renew)
        assert renewed.returncode == 0, renewed
        assert certificates.serial(self.certbot.live(wanted[0])) != serial
        return [first, renewed]


def transfer(dns: Bind) -> list[str]:
    """Everything in the zone but its serial number."""
    words = ["dig", f"@{dns.address}", "-p", str(dns.port), dns.zones[0], "AXFR", "+noall", "+answer", "+onesoa"]
    answer = subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout
    return sorted(" ".join(line.split()) for line in answer.splitlines() if "\tSOA\t" not in line)


@contextlib.contextmanager
def host_with_bind(folder: Path, unsigned: bool = False) -> Iterator[tuple[Host, Bind]]:
    """The zone is afterwards what it was before."""
    with Bind(ZONE, port=53, unsigned_updates=unsigned) as dns, TestCA(dns_server=dns.server) as ca:
        before = transfer(dns)
        assert len(before) >= 3
        yield Host(folder, ca), dns
        assert transfer(dns) == before


@alone
def test_lexicons_example_with_powerdns(tmp_path: Path) -> None:
    """One by one, then chained. It prints terminal sequences, and takes its settings from the environment."""
    with (
        private_network.private_network(RESOLVER),
        powerdns(ZONE, 53) as dns,
        TestCA(dns_server=dns.server) as ca,
    ):
        before = dns.records()
        host = Host(tmp_path, ca)
        settings = tmp_path / "lexicon.env"
        settings.write_text(
            f"PROVIDER=powerdns\nPROVIDER_UPDATE_DELAY=1\nLEXICON_POWERDNS_TOKEN={dns.key}\n"
            f"LEXICON_POWERDNS_PDNS_SERVER={dns.api}\n"
        )
        settings.chmod(0o600)
        words = handler(LEXICON, *DEHYDRATED, "--external-auth-env-file", str(settings))
        runs = host.issues_and_renews(words, f"a.{ZONE}", f"*.a.{ZONE}", renew=CHAINED)
        runs.append(host.certbot.run("certonly", *lexicon_for_certbot(tmp_path, dns), *names(f"b.{ZONE}")))
        assert runs[-1].returncode == 0, runs[-1]
        assert dns.records() == before
    for run in runs:
        assert "\x1b" not in run.log
        assert dns.key not in run.log + run.stdout + run.stderr


def lexicon_for_certbot(folder: Path, dns: PowerDns) -> list[str]:
    """Its hook for Certbot's --manual, with the settings that it wants written into it."""
    text = Path(LEXICON_CERTBOT).read_text()
    credentials = f'PROVIDER_CREDENTIALS=("--auth-token={dns.key}" "--pdns-server={dns.api}")'
    for old, new in (
        ('\nPROVIDER="cloudflare"\n', '\nPROVIDER="powerdns"\n'),
        ('PROVIDER_CREDENTIALS=("--auth-username=MY_USERNAME" "--auth-token=MY_API_KEY")', credentials),
        ("\nPROVIDER_UPDATE_DELAY=30\n", "\nPROVIDER_UPDATE_DELAY=0\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    hook = folder / "certbot.default.sh"
    hook.write_text(text)
    hook.chmod(0o700)
    cleanup = ("--external-auth-cleanup-handler", f"{hook} cleanup")
    return handler(f"{hook} auth", "--external-auth-dialect", "certbot", *cleanup)


@alone
def test_debians_ddns_tsig_with_bind(tmp_path: Path) -> None:
    """One by one, then chained. It reads its settings from the folder that Certbot was started in."""
    with private_network.private_network(RESOLVER), host_with_bind(tmp_path) as (host, dns):
        (host.certbot.cwd / "dehydrated-hook-ddns-tsig.conf").write_text(
            f"[DEFAULT]\nname_server_ip = {dns.address}\nkey_name = {dns.key_name}\nkey_secret = {dns.secret}\n"
            "key_algorithm = hmac-sha256\nwait = 5\n"
        )
        host.issues_and_renews(handler(DDNS_TSIG, *DEHYDRATED), f"a.{ZONE}", f"*.a.{ZONE}", renew=CHAINED)
        rehearsal = host.rehearses(DDNS_TSIG, *DEHYDRATED)
        assert (rehearsal.code, rehearsal.results) == (0, {}), rehearsal


@alone
def test_acmetools_hook_with_bind(tmp_path: Path) -> None:
    """It reads its settings from a file in /etc, and runs in /."""
    with private_network.private_network(RESOLVER), host_with_bind(tmp_path) as (host, dns):
        key = f'TSIG_KEY_NAME="hmac-sha256:{dns.key_name}"\nTSIG_KEY="{dns.secret}"\n'
        private_network.put("/etc/default/acme-dns", key)
        words = handler(ACMETOOL, "--external-auth-dialect", "acmetool")
        host.issues_and_renews(words, f"a.{ZONE}", f"*.a.{ZONE}")
        rehearsal = host.rehearses(ACMETOOL, "--dialect", "acmetool")
        assert (rehearsal.code, rehearsal.results) == (0, {}), rehearsal


@alone
def test_uacmes_hook_with_bind(tmp_path: Path) -> None:
    """It takes one value at a name, and knows no keys."""
    with private_network.private_network(RESOLVER), host_with_bind(tmp_path, unsigned=True) as (host, _):
        words = handler(UACME, "--external-auth-dialect", "uacme")
        host.issues_and_renews(words, f"a.{ZONE}", f"b.{ZONE}", f"*.c.{ZONE}")


@alone
def test_uacmes_hook_hangs_with_two_values(tmp_path: Path) -> None:
    """Under uacme itself it never ends."""
    with private_network.private_network(RESOLVER), host_with_bind(tmp_path, unsigned=True) as (host, _):
        words = handler(UACME, "--external-auth-dialect", "uacme", "--external-auth-timeout", "3")
        result = host.certbot.run("certonly", *words, *names(f"a.{ZONE}", f"*.a.{ZONE}"))
        assert result.returncode == 1
        assert not result.validated
        assert f"The handler {UACME} failed at begin for a.{ZONE}: it had not ended after 3 seconds" in result.stderr
        assert f"Another value of the same certificate stands at _acme-challenge.a.{ZONE} already" in result.stderr
        assert "Ask for the base name and the wildcard in two certificates." in result.stderr
        more = ["--timeout", "3", "--domain", f"*.rehearsal.{ZONE}"]
        rehearsal = host.rehearses(UACME, "--dialect", "uacme", *more)
        assert rehearsal.code == 1
        assert rehearsal.results["second"] == "failed"
        assert "needs two values at one name" in rehearsal.steps["second"]["change"]


def test_uacmes_other_hook_with_a_web_server(certbot: Certbot, web: Webroot, ca: TestCA, domain: str) -> None:
    """It writes files, and declines what is no http-01."""
    certbot.environment["UACME_CHALLENGE_PATH"] = str(web.folder)
    words = handler(UACME_FILES, "--external-auth-dialect", "uacme")
    result = certbot.run("certonly", *words, "--preferred-challenges", "http", *names(domain, f"b.{domain}"))
    assert result.returncode == 0, result
    assert web.files() == []
    declined = certbot.run("certonly", *words, "--preferred-challenges", "dns", *names(f"c.{domain}"))
    assert declined.returncode == 1
    assert not declined.validated
    assert "name a type it takes with --preferred-challenges" in declined.stderr
