"""docs/delegation.md, as it stands there: only addresses, ports and paths are exchanged."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates, dns, ports, tls
from tests.support.bind import READY_WITHIN
from tests.support.certbot import Certbot, Result
from tests.support.recover import recover
from tests.support.testca import TestCA
from tests.support.web import program
from tests.support.words import RENEW_NOW

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "delegation.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME, ZONE = "example.org", "acme.example.net"
TARGET = f"example-org.{ZONE}"


class Example:
    """The blocks of the document, in their order, with paths and ports of the test."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        for name in ("etc", "lib", "sbin"):
            (folder / name).mkdir()
        blocks = BLOCK.findall(DOCUMENT.read_text())
        self.key, self.configuration, self.zone, self.cname, self.handler, self.command, self.looks = (
            self._exchanged(text) for _, text in blocks
        )

    def _exchanged(self, text: str) -> str:
        pairs = (
            ("/etc/bind/", f"{self.folder}/etc/"),
            ("/var/lib/bind/", f"{self.folder}/lib/"),
            ("192.0.2.53", ports.ADDRESS),
            ("server 127.0.0.1", f"server 127.0.0.1 {self.port}"),
            ("dig ", f"dig @{ports.ADDRESS} -p {self.port} "),
        )
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    def set_up(self) -> list[str | Path]:
        """Do what the document says up to the certificate; the result starts the name server."""
        subprocess.run(["sh", "-euc", f"PATH=$PATH:/usr/sbin\n{self.key}"], check=True)
        (self.folder / "lib" / f"{ZONE}.zone").write_text(self.zone)
        outer = f"$TTL 60\n@ SOA ns hostmaster 1 60 60 600 1\n@ NS ns\nns A {ports.ADDRESS}\n{self.cname}"
        (self.folder / "lib" / f"{NAME}.zone").write_text(outer)
        (self.folder / "named.conf").write_text(
            f'options {{ directory "{self.folder}"; listen-on port {self.port} {{ {ports.ADDRESS}; }};\n'
            "listen-on-v6 { none; }; pid-file none; session-keyfile none; dnssec-validation no;\n"
            # The CA's resolver at the same time, which follows aliases from zone to zone, and asks nobody else.
            "recursion yes; forward only; forwarders { 127.0.0.1 port 9; }; };\n"
            f"controls {{ }};\n{self.configuration}\n"
            f'zone "{NAME}" {{ type primary; file "{self.folder}/lib/{NAME}.zone"; }};\n'
        )
        path = self.folder / "sbin" / "publish-delegated"
        path.write_text(self.handler)
        path.chmod(0o755)
        return [program("named"), "-f", "-4", "-L", self.folder / "named.log", "-c", self.folder / "named.conf"]

    def run(self, certbot: Certbot) -> Result:
        (words,) = re.findall(r"^certbot (.*)$", self.command, re.MULTILINE)
        certbot.environment["PATH"] = f"{self.folder}/sbin:{certbot.environment['PATH']}"
        return certbot.run(*words.replace("'", "").split())

    def dig(self, *words: str) -> str:
        ended = subprocess.run(
            ["dig", f"@{ports.ADDRESS}", "-p", str(self.port), "+short", *words], capture_output=True, text=True
        )
        return ended.stdout.strip()


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Example]:
    with contextlib.ExitStack() as stack:
        found = Example(tmp_path, ports.free(stack))
        stack.enter_context(tls.program(found.set_up(), found.port, ports.ADDRESS))
        deadline = time.monotonic() + READY_WITHIN
        # It listens before it has read its zones.
        while not all(dns.answers(zone, ports.ADDRESS, found.port) for zone in (ZONE, NAME)):
            assert time.monotonic() < deadline, (tmp_path / "named.log").read_text()
            time.sleep(0.02)
        yield found


def test_the_worked_example(example: Example, tmp_path: Path) -> None:
    """Lost: the second of the two ways to be done with doing it by hand."""
    with TestCA(dns_server=f"{ports.ADDRESS}:{example.port}") as ca:
        certbot = Certbot(tmp_path / "host", ca)
        looks = subprocess.run(["sh", "-euc", example.looks], capture_output=True, text=True, check=True).stdout
        assert looks.splitlines()[0] == f"{TARGET}."
        result = example.run(certbot)
        assert result.returncode == 0, result
        assert certificates.names(certbot.live(NAME)) == [f"*.{NAME}", NAME]
        for operation in ("perform", "cleanup"):
            word = {"perform": "add", "cleanup": "delete"}[operation]
            assert len(re.findall(rf"{operation} {NAME}: {word} {TARGET} \S{{43}}$", result.log, re.MULTILINE)) == 2
        serial = certificates.serial(certbot.live(NAME))
        renewed = certbot.run(*RENEW_NOW, "-q")
        assert renewed.returncode == 0, renewed
        assert certificates.serial(certbot.live(NAME)) != serial
        (change,) = re.findall(r"`certbot (reconfigure [^`]*)`", DOCUMENT.read_text())
        assert certbot.run(*change.split(), "-n").returncode == 0
    assert example.dig(TARGET, "TXT") == ""


def test_what_a_killed_run_left_is_withdrawn_where_the_alias_leads(example: Example, tmp_path: Path) -> None:
    """Lost: a record that stays in the zone for ever, since recovery knows only the name of the alias."""
    path = example.folder / "sbin" / "publish-delegated"
    published = path.with_name("really-publish")
    path.rename(published)
    path.write_text(f'#!/bin/sh\n{published} "$@" || exit\n[ "$1" = perform ] && kill -KILL $PPID\nexit 0\n')
    path.chmod(0o755)
    with TestCA(dns_server=f"{ports.ADDRESS}:{example.port}") as ca:
        certbot = Certbot(tmp_path / "host", ca)
        assert example.run(certbot).returncode == -signal.SIGKILL
        assert example.dig(TARGET, "TXT") != ""
        ended = recover(certbot)
    assert ended.returncode == 0, ended
    assert example.dig(TARGET, "TXT") == ""


def test_a_key_for_nothing_else_and_a_handler_that_says_what_is_missing(example: Example, tmp_path: Path) -> None:
    """Lost: the reason why it is done this way; and the word about the step that is easily forgotten."""
    update = f"server {ports.ADDRESS} {example.port}\nzone {ZONE}\nupdate add www.{ZONE}. 60 IN A 192.0.2.1\nsend\n"
    words = ["nsupdate", "-k", str(example.folder / "etc" / "acme-update.key")]
    ended = subprocess.run(words, input=update, capture_output=True, text=True)
    assert "REFUSED" in ended.stderr
    with TestCA(dns_server=f"{ports.ADDRESS}:{example.port}") as ca:
        certbot = Certbot(tmp_path / "host", ca)
        example.command = example.command.replace(f"-d {NAME} -d '*.{NAME}'", f"-d www.{NAME}")
        result = example.run(certbot)
    assert result.returncode == 1
    assert not result.validated
    assert f"_acme-challenge.www.{NAME} is not an alias yet: create the CNAME first" in result.stderr
    # The handler published nothing, and says so at cleanup.
    assert list((certbot.work_dir / "external-auth" / "journal").glob("*.json")) == []
