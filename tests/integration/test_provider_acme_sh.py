"""Engine acme.sh: scripts of Debian's acme.sh, with real servers and a provider that wants a record's number."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import acme_sh, best_hosting, certificates
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.powerdns import powerdns
from tests.support.recover import journal, recover
from tests.support.rehearsals import rehearse
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

pytestmark = acme_sh.needed
ZONE = "example.test"
PATIENCE = 60.0


@dataclass
class Site:
    """:ivar words: that choose the provider. :ivar txt: asks the name server that the CA asks."""

    certbot: Certbot
    provider: str
    env_file: Path
    txt: Callable[[str], list[str]]
    server: str

    @property
    def words(self) -> list[str]:
        flags = ["--external-auth-provider", self.provider, "--external-auth-env-file", str(self.env_file)]
        return ["-n", *AUTHENTICATOR, *flags, "--external-auth-verify-nameservers", self.server]


def site(certbot: Certbot, name: str, settings: str, txt: Callable[[str], list[str]], server: str) -> Site:
    env_file = certbot.folder / f"{name}.env"
    env_file.write_text(f"LE_WORKING_DIR='{acme_sh.HOME}'\n{settings}")
    env_file.chmod(0o600)
    return Site(certbot, f"acme.sh:{name}", env_file, txt, server)


@contextlib.contextmanager
def of_nsupdate(folder: Path) -> Iterator[Site]:
    with Bind(ZONE) as dns, TestCA(dns_server=dns.server) as ca:
        settings = f"NSUPDATE_SERVER={dns.address}\nNSUPDATE_SERVER_PORT={dns.port}\nNSUPDATE_KEY={dns.key_file}\n"
        yield site(Certbot(folder / "host", ca), "nsupdate", settings, dns.txt, dns.server)


@contextlib.contextmanager
def of_powerdns(folder: Path) -> Iterator[Site]:
    with powerdns(ZONE) as dns, TestCA(dns_server=dns.server) as ca:
        settings = f"PDNS_Url={dns.api}\nPDNS_ServerId=localhost\nPDNS_Token={dns.key}\n"
        yield site(Certbot(folder / "host", ca), "pdns", settings, dns.txt, dns.server)


def of_best_hosting(certbot: Certbot, ca: TestCA, api: best_hosting.BestHosting) -> Site:
    (certbot.folder / ".curlrc").write_text(api.curlrc)
    settings = f"BH_API_USER={best_hosting.USER}\nBH_API_KEY={best_hosting.KEY}\n"
    return site(certbot, "bh", settings, ca.txt, ca.dns)


def issues_and_renews(found: Site, domain: str) -> None:
    issued = found.certbot.run("certonly", *found.words, *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    assert certificates.names(found.certbot.live(domain)) == [f"*.{domain}", domain]
    renewed = found.certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert found.txt(f"_acme-challenge.{domain}") == []
    assert journal(found.certbot) == []


def is_killed_and_recovered(found: Site, domain: str) -> None:
    """It is killed when both values stand, and before the CA is asked."""
    record = f"_acme-challenge.{domain}"
    words = ["certonly", *found.words, "--external-auth-verify-settle", "600", *names(domain, f"*.{domain}")]
    with found.certbot.started(words) as process:
        deadline = time.monotonic() + PATIENCE
        while len(found.txt(record)) < 2:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (file,) = journal(found.certbot)
    assert "LE_WORKING_DIR" not in file.read_text()
    (left,) = recover(found.certbot, "--list", "--json").document["left"]
    assert (left["provider"], left["handler"]) == (found.provider, [])
    recovered = recover(found.certbot, timeout=180)
    assert recovered.returncode == 0, recovered.stdout
    assert found.txt(record) == []
    assert journal(found.certbot) == []


@pytest.mark.long
@pytest.mark.parametrize("setting", [of_nsupdate, of_powerdns])
def test_real_servers(tmp_path: Path, setting: Callable[[Path], contextlib.AbstractContextManager[Site]]) -> None:
    with setting(tmp_path) as found:
        issues_and_renews(found, f"a.{ZONE}")
        is_killed_and_recovered(found, f"b.{ZONE}")
        more = ["--provider", found.provider, "--env-file", str(found.env_file), "--nameserver", found.server]
        rehearsed = rehearse(*more, "--domain", f"c.{ZONE}", "--json", environment=found.certbot.environment)
        assert rehearsed.code == 0, rehearsed


@pytest.fixture
def api(ca: TestCA, tmp_path: Path) -> Iterator[best_hosting.BestHosting]:
    with best_hosting.best_hosting(ca, tmp_path) as found:
        yield found


def test_a_provider_that_wants_the_number_of_a_record(
    certbot: Certbot, ca: TestCA, api: best_hosting.BestHosting, domain: str
) -> None:
    """What adding says is kept for removing; also where the run is killed between the two."""
    found = of_best_hosting(certbot, ca, api)
    issues_and_renews(found, domain)
    assert api.requests == ["POST", "POST", *["GET", "DELETE"] * 2] * 2
    is_killed_and_recovered(found, f"b.{domain}")
    assert api.records == {}
