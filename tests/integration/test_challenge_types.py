"""Every challenge type, by every backend, issued and renewed: the CA connects, looks and decides by itself."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import certificates
from tests.support import tls as tls_support
from tests.support.certbot import Certbot, Result
from tests.support.drivers import Publisher
from tests.support.hooks import Hooks
from tests.support.processes import end_group
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import AUTHENTICATOR, JSON, RENEW_NOW, handler, names

TYPES = ("dns-01", "http-01", "tls-alpn-01", "tls-sni-01")
ENTER = r"Press Enter .*(\n.*)*?up\.\n"
ZONE_LINE = re.compile(r'^(\S+)\. \d+ IN TXT "(\S+)"$', re.MULTILINE)
FILE = re.compile(r"^http://\S+/([\w-]+)\n  (\S+)$", re.MULTILINE)
S_SERVER = re.compile(r"^openssl s_server .*$", re.MULTILINE)


class Bed:
    """One challenge type: the CA that offers it, and what answers it.

    :ivar words: for Certbot's command line. :ivar port: those of them that a renewal needs again.
    """

    def __init__(self, kind: str, ca: TestCA, folder: Path, webroot: Path, hooks: Hooks) -> None:
        self.kind = kind
        self.ca = ca
        self.tls = folder / "tls"
        self.webroot = webroot
        self.hooks = hooks
        self.certbot = Certbot(folder / "typed", ca)
        variables = {"RECORD": hooks.record, "WEBROOT": webroot, "TLS_FOLDER": self.tls}
        self.certbot.environment.update({name: str(value) for name, value in variables.items()})
        self.port = ["--https-port", str(ca.tls_port)]
        self.words = ["--preferred-challenges", kind, *self.port]

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """The servers that the CA will ask."""
        with contextlib.ExitStack() as stack:
            if self.kind == "http-01":
                stack.enter_context(Webroot(self.webroot, self.ca.http_port))
            elif self.kind.startswith("tls-"):
                stack.enter_context(tls_support.serving(self.tls, self.ca.tls_port))
            yield

    def left(self) -> list[str]:
        """Files that should be gone."""
        ours = self.certbot.work_dir / "external-auth" / "alpn-certs"
        folders = [ours, self.tls, self.webroot]
        return [str(path) for folder in folders if folder.exists() for path in folder.iterdir()]


@pytest.fixture(params=TYPES)
def bed(request: pytest.FixtureRequest, ca: TestCA, tmp_path: Path, webroot_folder: Path, scripts: Hooks) -> Bed:
    found = request.getfixturevalue("sni_ca") if request.param == "tls-sni-01" else ca
    return Bed(request.param, found, tmp_path, webroot_folder, scripts)


def check(bed: Bed, result: Result, domain: str, before: int | None = None) -> int:
    """Issued by this type, and nothing left; the result is the certificate's serial number."""
    assert result.returncode == 0, result
    assert result.validated
    assert certificates.names(bed.certbot.live(domain)) == [domain]
    assert bed.left() == []
    serial = certificates.serial(bed.certbot.live(domain))
    assert serial != before
    return serial


@pytest.mark.versions
def test_by_a_handler(bed: Bed, domain: str) -> None:
    """Guards against: no certificate for machines with port 80 closed and a zone out of reach."""
    with bed.answering():
        issued = bed.certbot.run("certonly", *handler(bed.hooks.native, *bed.words), *names(domain))
        serial = check(bed, issued, domain)
        # Certbot does not keep this option of its own; an administrator has it in cli.ini.
        renewed = bed.certbot.run(*RENEW_NOW, *bed.port)
        check(bed, renewed, domain, serial)
    performed = bed.hooks.calls("perform")
    assert [call.env["type"] for call in performed] == [bed.kind] * 2
    assert f"pref_challs = {bed.kind}," in bed.certbot.renewal(domain)
    if bed.kind.startswith("tls-"):
        for call in performed:
            assert call.env["port"] == call.env["cbot_port"] == str(bed.ca.tls_port)
            assert call.env["z_domain"] == call.env["cbot_z_domain"]
            assert "PRIVATE KEY" not in str(call.env) + call.stdin
    warned = issued.stderr.count(
        "tls-sni-01 proves only that the applicant can install a certificate on this IP address"
    )
    assert warned == (1 if bed.kind == "tls-sni-01" else 0)


def test_by_a_driver(bed: Bed, domain: str) -> None:
    """Guards against: no certificate for such machines, and a private key in the lines."""
    with bed.answering():
        publisher = Publisher(bed.ca, bed.webroot, bed.tls)
        issued = bed.certbot.drive("certonly", *JSON, *bed.words, *names(domain), policy=publisher)
        serial = check(bed, issued, domain)
        renewed = bed.certbot.drive(*RENEW_NOW, *bed.port, "--external-auth-mode", "json", policy=publisher)
        check(bed, renewed, domain, serial)
    assert "PRIVATE KEY" not in issued.stdout
    [line] = issued.of("perform_challenge")
    tls = issued.of("await")[0]["tls"]
    if not bed.kind.startswith("tls-"):
        assert tls == {}
        return
    name = domain if bed.kind == "tls-alpn-01" else line["validation"]
    alpn = "acme-tls/1" if bed.kind == "tls-alpn-01" else None
    shared = {key: line[key] for key in ("port", "cert_path", "key_path", "cert_pem")}
    assert tls == {name: {"identifier": domain, "alpn": alpn, **shared}}
    assert (line["z_domain"], line["alpn"], line["port"]) == (name, alpn, str(bed.ca.tls_port))


def test_by_a_person(bed: Bed, domain: str) -> None:
    """Guards against: a command on the screen that does not work when a person pastes it."""
    with contextlib.ExitStack() as stack:
        if bed.kind == "http-01":
            stack.enter_context(bed.answering())
        words = ["certonly", *AUTHENTICATOR, *bed.words, *names(domain)]
        issued = bed.certbot.type(*words, script=[(ENTER, obey(bed, stack))])
        shown = issued.stdout[issued.stdout.rindex("You can now remove") :]
        stack.pop_all().close()
        if bed.kind == "http-01":
            _empty(bed.webroot)
            stack.enter_context(bed.answering())
        assert issued.returncode == 0, issued
        renewed = bed.certbot.type(*words, "--force-renewal", script=[(ENTER, obey(bed, stack))])
    _empty(bed.webroot)
    check(bed, renewed, domain)
    if bed.kind.startswith("tls-"):
        assert "the certificate for" in shown
        assert len(S_SERVER.findall(issued.stdout)) == 1


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def obey(bed: Bed, stack: contextlib.ExitStack) -> Callable[[str], str]:
    """A person who does what the screen says, and runs the very line that it shows."""

    def react(shown: str) -> str:
        for name, value in ZONE_LINE.findall(shown):
            bed.ca.add_txt(name, value)
        for token, content in FILE.findall(shown):
            (bed.webroot / token).write_text(content)
        for line in S_SERVER.findall(shown):
            process: subprocess.Popen[Any] = subprocess.Popen(
                shlex.split(line), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
            stack.callback(end_group, process)
            tls_support.wait_for(bed.ca.tls_port)
        return "\n"

    return react
