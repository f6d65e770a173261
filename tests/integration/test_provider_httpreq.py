"""Engine httpreq, against a server that speaks its protocol, and a CA that validates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.httpreq_server import PASSWORD, USER, Server, httpreq_server
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

PROVIDER = ["-n", *AUTHENTICATOR, "--external-auth-provider", "httpreq"]
ALL = ["/present", "/present", "/cleanup", "/cleanup"]


@pytest.fixture
def server(ca: TestCA) -> Iterator[Server]:
    with httpreq_server(ca) as found:
        yield found


@pytest.fixture
def env_file(tmp_path: Path, server: Server) -> Path:
    path = tmp_path / "httpreq.env"
    path.write_text(f"HTTPREQ_ENDPOINT={server.url}/\nHTTPREQ_USERNAME={USER}\nHTTPREQ_PASSWORD={PASSWORD}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", ["", "RAW"])
def test_issue_and_renew(certbot: Certbot, ca: TestCA, server: Server, env_file: Path, domain: str, mode: str) -> None:
    """The server may answer with any status of success."""
    server.status = 202 if mode else 200
    env_file.write_text(env_file.read_text() + f"HTTPREQ_MODE={mode}\n")
    words = [*PROVIDER, "--external-auth-env-file", str(env_file)]
    issued = certbot.run("certonly", *words, *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    assert [path for path, _ in server.requests] == ALL
    assert {"domain" in body for _, body in server.requests} == {bool(mode)}
    assert certbot.run(*RENEW_NOW).returncode == 0
    assert [path for path, _ in server.requests] == ALL * 2
    assert ca.txt(f"_acme-challenge.{domain}") == []
