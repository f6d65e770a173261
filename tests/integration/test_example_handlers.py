"""The handlers of examples/handlers, unmodified, with the real servers they are for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates, new_ca, ports, private_network
from tests.support import tls as tls_support
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.new_ca import NewCA
from tests.support.powerdns import powerdns
from tests.support.rehearsals import rehearse
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import RENEW_NOW, handler, handler_for_both, names

HANDLERS = tls_support.EXAMPLES / "handlers"
ZONE = "example.test"
LINES = 60


def issues_and_renews(certbot: Certbot, words: list[str], *wanted: str) -> None:
    result = certbot.run("certonly", *words, *names(*wanted))
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(wanted[0])) == sorted(wanted)
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed


def passes_its_rehearsal(certbot: Certbot, name: str, server: str, *words: str) -> None:
    """Without so much as a warning.

    :param server: a name server that knows the name.
    """
    more = ["--domain", f"rehearsal.{ZONE}", "--nameserver", server, "--json", *words]
    found = rehearse(str(HANDLERS / name), *more, environment=certbot.environment)
    assert found.code == 0, found
    assert found.results == {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "challenges"
    found.mkdir()
    return found


@pytest.mark.parametrize("name", ["minimal.sh", "minimal.py"])
def test_minimal(certbot: Certbot, ca: TestCA, folder: Path, domain: str, name: str) -> None:
    certbot.environment["CHALLENGE_FOLDER"] = str(folder)
    words = handler(str(HANDLERS / name), "--preferred-challenges", "http")
    with Webroot(folder, ca.http_port):
        issues_and_renews(certbot, words, domain, f"b.{domain}")
        passes_its_rehearsal(certbot, name, ca.dns, "--type", "http-01", "--http-01-port", str(ca.http_port))
    assert list(folder.iterdir()) == []
    refused = certbot.run("certonly", *handler(str(HANDLERS / name)), *names(f"c.{domain}"))
    assert "this handler does http-01 only: --preferred-challenges http" in refused.stderr


def test_nsupdate(tmp_path: Path) -> None:
    """A key others may not read, a port, base and wildcard."""
    with Bind(ZONE) as dns, TestCA(dns_server=dns.server) as ca:
        dns.change(f"add _acme-challenge.a.{ZONE} 60 TXT somebody-elses")
        certbot = Certbot(tmp_path / "host", ca)
        certbot.environment["NSUPDATE_KEY_FILE"] = str(dns.key_file)
        certbot.environment["NSUPDATE_SERVER"] = f"{dns.address} {dns.port}"
        issues_and_renews(certbot, handler(str(HANDLERS / "nsupdate.sh")), f"a.{ZONE}", f"*.a.{ZONE}")
        assert dns.txt(f"_acme-challenge.a.{ZONE}") == ["somebody-elses"]
        passes_its_rehearsal(certbot, "nsupdate.sh", dns.server)


def test_powerdns(tmp_path: Path) -> None:
    with powerdns(ZONE) as dns, TestCA(dns_server=dns.server) as ca:
        before = dns.records()
        certbot = Certbot(tmp_path / "host", ca)
        settings = tmp_path / "powerdns.env"
        settings.write_text(f"PDNS_API={dns.api}\nPDNS_API_KEY={dns.key}\n")
        settings.chmod(0o600)
        words = handler(str(HANDLERS / "powerdns.py"), "--external-auth-env-file", str(settings))
        issues_and_renews(certbot, words, f"a.{ZONE}", f"*.a.{ZONE}")
        passes_its_rehearsal(certbot, "powerdns.py", dns.server, "--env-file", str(settings))
        assert dns.records() == before


@contextlib.contextmanager
def sshd(folder: Path) -> Iterator[Path]:
    """An SSH server for this user alone, with a key for this test alone; a configuration for `ssh -F`."""
    folder.mkdir(mode=0o700)
    for key in ("host", "user"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(words, check=True, timeout=30)
    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
            "PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
        )
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
        (folder / "config").write_text(
            f"Host web\n HostName 127.0.0.1\n Port {port}\n IdentityFile {folder}/user\n IdentitiesOnly yes\n"
            f" UserKnownHostsFile {folder}/known_hosts\n"
        )
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        stack.enter_context(tls_support.program([program, "-D", "-f", folder / "sshd_config"], port))
        yield folder / "config"


@pytest.mark.skipif(not private_network.possible() and os.geteuid() == 0, reason="root's sshd needs a folder in /run")
def test_ssh_webroot(tmp_path: Path, folder: Path, domain: str) -> None:
    with contextlib.ExitStack() as stack:
        if os.geteuid() == 0:
            stack.enter_context(private_network.private_network())
            Path("/run/sshd").mkdir()
        ca = stack.enter_context(TestCA())
        certbot = Certbot(tmp_path / "host", ca)
        config = stack.enter_context(sshd(tmp_path / "ssh"))
        stack.enter_context(Webroot(folder, ca.http_port))
        (tmp_path / "certificates").mkdir()
        certbot.environment |= {
            "SSH_HOST": "web",
            "SSH_CONFIG": str(config),
            "SSH_FOLDER": str(folder),
            "SSH_CERTIFICATES": str(tmp_path / "certificates"),
            "SSH_RELOAD": f"touch {tmp_path}/reloaded",
        }
        words = handler_for_both(str(HANDLERS / "ssh-webroot.sh"), "--preferred-challenges", "http")
        issues_and_renews(certbot, words, domain, f"b.{domain}")
        port = str(ca.http_port)
        passes_its_rehearsal(certbot, "ssh-webroot.sh", ca.dns, "--type", "http-01", "--http-01-port", port)
        assert list(folder.iterdir()) == []
        [carried] = (tmp_path / "certificates").iterdir()
        assert certbot.live(domain).read_text() in carried.read_text()
        assert carried.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "reloaded").exists()


def test_template_does_everything(tmp_path: Path, folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        dns = stack.enter_context(Bind(ZONE, records="* A 127.0.0.1"))
        ca = stack.enter_context(TestCA(dns_server=dns.server))
        certbot = Certbot(tmp_path / "host", ca)
        stack.enter_context(Webroot(folder, ca.http_port))
        stack.enter_context(tls_support.serving(tmp_path / "tls", ca.tls_port))
        (tmp_path / "certificates").mkdir()
        certbot.environment |= {
            "CHALLENGE_FOLDER": str(folder),
            "ACME_TLS_FOLDER": str(tmp_path / "tls"),
            "CERTIFICATE_FOLDER": str(tmp_path / "certificates"),
            "NSUPDATE_KEY_FILE": str(dns.key_file),
            "NSUPDATE_SERVER": f"{dns.address} {dns.port}",
        }
        words = handler_for_both(str(HANDLERS / "template.sh"))
        issues_and_renews(certbot, words, ZONE, f"*.{ZONE}")
        assert dns.txt(f"_acme-challenge.{ZONE}") == []
        for kind in ("http-01", "tls-alpn-01"):
            name = f"{kind}.{ZONE}"
            result = certbot.run("certonly", *words, "--preferred-challenges", kind, *names(name))
            assert result.returncode == 0, result
            assert certbot.live(name).read_text() in (tmp_path / "certificates" / f"{name}.pem").read_text()
        where = ["--http-01-port", str(ca.http_port), "--https-port", str(ca.tls_port)]
        for kind in ("dns-01", "http-01", "tls-alpn-01"):
            passes_its_rehearsal(certbot, "template.sh", dns.server, "--type", kind, *where)
        assert list(folder.iterdir()) == [] == list((tmp_path / "tls").iterdir())
        unchanged = certbot.run("renew", "--no-random-sleep-on-renew")
        assert f"{ZONE} is good until 20" in unchanged.log


@new_ca.needed
@pytest.mark.long
def test_template_and_nsupdate_with_the_types_of_2026(tmp_path: Path) -> None:
    with Bind(ZONE) as dns, NewCA(dns_server=dns.server) as ca:
        certbot = Certbot(tmp_path / "host", ca)
        environment = {"NSUPDATE_KEY_FILE": str(dns.key_file), "NSUPDATE_SERVER": f"{dns.address} {dns.port}"}
        certbot.environment |= environment
        for name, kind in (("template.sh", "dns-account-01"), ("nsupdate.sh", "dns-account-01")):
            words = handler(str(HANDLERS / name), "--preferred-challenges", kind)
            issues_and_renews(certbot, words, f"{name}.{ZONE}", f"*.{name}.{ZONE}")
            passes_its_rehearsal(certbot, name, dns.server, "--type", kind)
        words = handler(str(HANDLERS / "template.sh"), "--preferred-challenges", "dns-persist-01")
        issues_and_renews(certbot, words, ZONE, f"*.{ZONE}")
        assert len(dns.txt(f"_validation-persist.{ZONE}")) == 1
        # No account of this CA has so long a URL.
        long = f"ca.example; accounturi=https://ca.example/{'a' * 250}; policy=wildcard"
        place = f"_validation-persist.long.{ZONE}"
        called = {"cbot_type": "dns-persist-01", "cbot_txt_domain": place, "cbot_validation": long}
        subprocess.run([HANDLERS / "template.sh", "persist"], env={**os.environ, **environment, **called}, check=True)
        assert dns.txt(place) == [long]


def test_they_are_short() -> None:
    for path in HANDLERS.iterdir():
        if path.suffix in (".sh", ".py"):
            assert len(path.read_text().splitlines()) < LINES, path


def test_python_handlers_need_no_library() -> None:
    """The interpreter of a handler is the system's, without what Certbot's environment has."""
    for path in HANDLERS.glob("*.py"):
        told = subprocess.run([sys.executable, "-I", "-S", path, "unknown"], capture_output=True, text=True)
        assert told.stdout == "NotImplemented\n", told
