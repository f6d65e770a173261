"""Mode stateless: real web servers answer every token with the lines of `certbot-external-auth thumbprint`."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from certbot_external_auth.challenges import http01
from certbot_external_auth.thumbprint import snippets
from tests.support import tls, web
from tests.support.certbot import Certbot
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

STATELESS = [*AUTHENTICATOR, "--external-auth-mode", "stateless"]
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
MODULES = ("mpm_event", "authz_core", "alias")
SITES = {
    "nginx": "server {{ listen 127.0.0.1:{port}; {lines}\n}}",
    "haproxy": """
defaults
    mode http
    timeout client 10s
frontend plain
    bind 127.0.0.1:{port}
    {lines}
    http-request return status 404
""",
    "caddy": "{{\n admin off\n auto_https off\n}}\nhttp://:{port} {{\n{lines}\nrespond 404\n}}\n",
    "apache": """
ServerRoot {folder}
ServerName localhost
PidFile apache.pid
ErrorLog apache.log
Listen 127.0.0.1:{port}
{modules}
<VirtualHost *:{port}>
{lines}
</VirtualHost>
""",
}


@contextlib.contextmanager
def serving(server: str, lines: str, port: int, folder: Path) -> Iterator[None]:
    """A web server with these lines, on 127.0.0.1."""
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES)
    text = SITES[server].format(lines=lines, port=port, folder=f'"{folder}"', modules=modules)
    if server == "nginx":
        with web.nginx(folder, text, port, "127.0.0.1"):
            yield
        return
    site = folder / server
    site.write_text(text)
    words: dict[str, list[str | Path]] = {
        "haproxy": [web.program("haproxy"), "-f", site],
        "caddy": ["env", f"HOME={folder}", web.program("caddy"), "run", "--config", site, "--adapter", "caddyfile"],
        "apache": [web.program("apache2"), "-f", site, "-X"],
    }
    with tls.program(words[server], port):
        yield


def answer(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def tool(certbot: Certbot, *words: str) -> subprocess.CompletedProcess[str]:
    """The command `certbot-external-auth`, for the folders of this Certbot."""
    command = [sys.executable, "-m", "certbot_external_auth", *words, "--config-dir", str(certbot.config_dir)]
    return subprocess.run(
        command, env=certbot.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def thumbprint(certbot: Certbot, *words: str) -> subprocess.CompletedProcess[str]:
    return tool(certbot, "thumbprint", "--server", certbot.ca.directory, *words)


def register(certbot: Certbot) -> None:
    words = ["register", "--server", certbot.ca.directory, "--agree-tos", "--register-unsafely-without-email"]
    assert certbot.run(*words).returncode == 0


@pytest.mark.parametrize("server", snippets.FORMATS)
def test_each_web_server_answers_every_token_and_nothing_else(server: str, tmp_path: Path) -> None:
    port = web.free_port("127.0.0.1")
    with serving(server, snippets.FORMATS[server](THUMBPRINT), port, tmp_path):
        for token in ("a", "-_AZaz09", "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"):
            assert answer(port, f"/{http01.ROOT}/{token}") == (200, f"{token}.{THUMBPRINT}")
        for other in ("", "a/b", "%3Cscript%3E", "a%20b", "a.b"):
            status, body = answer(port, f"/{http01.ROOT}/{other}")
            assert THUMBPRINT not in body, (other, status, body)


def test_issued_and_renewed_without_files(certbot: Certbot, domain: str, tmp_path: Path) -> None:
    register(certbot)
    lines = thumbprint(certbot, "--format", "nginx").stdout
    with serving("nginx", lines, certbot.ca.http_port, tmp_path):
        issued = certbot.run("certonly", *STATELESS, *names(domain, f"www.{domain}"))
        assert issued.returncode == 0, issued
        renewed = certbot.run(*RENEW_NOW)
        assert renewed.returncode == 0, renewed
    assert renewed.validated


def test_a_killed_run_leaves_nothing_to_recover(certbot: Certbot, domain: str, tmp_path: Path) -> None:
    waiting = ["--external-auth-verify-nameservers", certbot.ca.dns, "--external-auth-verify-timeout", "60"]
    words = ["certonly", *STATELESS, *names(domain), *waiting]
    with (
        serving("nginx", "location / { return 404; }", certbot.ca.http_port, tmp_path),
        certbot.started(words) as process,
    ):
        assert process.stdout is not None
        until(process.stdout, b"Waiting until the CA will see it")
        process.kill()
        process.wait(30)
    assert list((certbot.work_dir / "external-auth").glob("journal/*.json")) == []


def until(stream: IO[bytes], words: bytes) -> None:
    """Read lines until one has these words."""
    for line in stream:
        if words in line:
            return
    raise AssertionError(f"{words!r} was not printed")


def test_the_thumbprint_of_another_account_fails_before_the_ca_is_asked(
    certbot: Certbot, ca: TestCA, domain: str, tmp_path: Path
) -> None:
    other = Certbot(tmp_path / "other", ca)
    register(other)
    lines = thumbprint(other, "--format", "nginx").stdout
    with serving("nginx", lines, certbot.ca.http_port, tmp_path):
        refused = certbot.run("certonly", *STATELESS, *names(domain))
    assert refused.returncode == 1
    assert not refused.validated
    assert "the thumbprint of another account. A dry run has an account of its own" in " ".join(refused.stderr.split())


def test_other_types_and_missing_accounts_are_refused_with_what_to_do(certbot: Certbot, domain: str) -> None:
    refused = certbot.run("certonly", *STATELESS, *names(f"*.{domain}"))
    assert refused.returncode == 1
    assert not refused.ordered
    none = thumbprint(certbot)
    assert none.returncode == 2
    assert f"certbot register --agree-tos -m you@example.org --server {certbot.ca.directory}" in none.stderr
