"""The first example of README.md, as it stands there: only the name server and its key are exchanged."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.testca import TestCA

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def command(program: str) -> list[str]:
    """The words of the first command line that begins with a program."""
    (found, *_) = re.findall(rf"^    {program} ((?:.*\\\n)*[^#\n]*)$", README, re.MULTILINE)
    return shlex.split(found.replace("\\\n", ""))


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "sbin"
    folder.mkdir()
    return folder


def install(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


def test_the_first_certificate(programs: Path, tmp_path: Path) -> None:
    """Guards against a first impression that fails."""
    (handler,) = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    with Bind("example.org") as dns, TestCA(dns_server=dns.server) as ca:
        for old, new in (
            ("/etc/letsencrypt/nsupdate.key", str(dns.key_file)),
            ("<<END\nupdate", f"<<END\nserver {dns.address} {dns.port}\nupdate"),
        ):
            assert old in handler
            handler = handler.replace(old, new)
        install(programs, "publish-txt", handler)
        install(programs, "systemctl", '#!/bin/sh\necho "systemctl $*"\n')
        certbot = Certbot(tmp_path / "host", ca)
        certbot.environment["PATH"] = f"{programs}:{certbot.environment['PATH']}"
        result = certbot.run(*command("certbot"), "--external-auth-verify-nameservers", dns.server)
        assert result.returncode == 0, result
        assert certificates.names(certbot.live("example.org")) == ["*.example.org", "example.org"]
        assert "deploy_cert example.org: systemctl reload nginx" in result.log
        assert len(re.findall(r"perform example.org: add _acme-challenge.example.org \S{43}$", result.log, re.M)) == 2
        assert dns.txt("_acme-challenge.example.org") == []
