"""Engine httpreq, against a server that speaks its protocol, and a CA that validates."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.httpreq_server import PASSWORD, USER, Server, httpreq_server
from tests.support.recover import journal, recover
from tests.support.testca import TestCA
from tests.support.two_steps import Tool
from tests.support.words import AUTHENTICATOR, RENEW_NOW, handler, names

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


@pytest.mark.parametrize("mode", ["", pytest.param("RAW", marks=pytest.mark.long)])
def test_issue_renew_and_recover(
    certbot: Certbot, ca: TestCA, server: Server, env_file: Path, domain: str, mode: str
) -> None:
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
    is_killed_and_recovered(certbot, ca, server, words, f"b.{domain}")


def is_killed_and_recovered(certbot: Certbot, ca: TestCA, server: Server, words: list[str], domain: str) -> None:
    """It is killed while its second call waits for the server."""
    seen: list[str] = []

    def kill(path: str) -> None:
        seen.append(path)
        if seen == ["/present"] * 2:
            certbot.terminate(signal.SIGKILL)

    server.before = kill
    killed = certbot.run("certonly", *words, *names(domain, f"*.{domain}"))
    assert killed.returncode == -signal.SIGKILL, killed
    (file,) = journal(certbot)
    assert PASSWORD not in file.read_text()
    assert ca.txt(f"_acme-challenge.{domain}")
    recovered = recover(certbot)
    assert recovered.returncode == 0, recovered.stdout
    assert ca.txt(f"_acme-challenge.{domain}") == []
    assert seen.count("/cleanup") == 2
    assert journal(certbot) == []


def test_from_a_handler_to_a_provider_and_back(
    certbot: Certbot, ca: TestCA, scripts: Hooks, server: Server, env_file: Path, domain: str
) -> None:
    """Guards against: a publisher that cannot be left, because the one before it stays in the renewal file."""
    hook = ("--external-auth-dialect", "dehydrated")
    issued = certbot.run("certonly", *handler(scripts.dehydrated, *hook), *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    scripts.forget()
    change = ("reconfigure", "-n", "--cert-name", domain)
    changed = certbot.run(*change, *PROVIDER[1:], "--external-auth-env-file", str(env_file))
    assert changed.returncode == 0, changed
    assert [path for path, _ in server.requests] == ALL
    kept = certbot.renewal(domain)
    assert "external_auth_provider = httpreq\n" in kept
    # Certbot writes None for what is no longer there.
    assert "external_auth_handler = None\n" in kept
    assert "external_auth_dialect = None\n" in kept
    assert scripts.calls() == []
    assert certbot.run(*RENEW_NOW, "-q").returncode == 0
    assert [path for path, _ in server.requests] == ALL * 2
    back = certbot.run(*change, *handler(scripts.dehydrated, *hook)[1:])
    assert back.returncode == 0, back
    assert "external_auth_provider = None\n" in certbot.renewal(domain)
    assert "deploy_challenge" in scripts.operations
    assert len(server.requests) == len(ALL) * 2


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("httpreq", ["HTTPREQ_ENDPOINT"]),
        ("acme.sh:cf", ["acme.sh, which is not installed here"]),
        ("acmesh:cf", ["did you mean acme.sh?"]),
        ("acme.sh/cf", ["is not known"]),
        ("acme.sh:", ["is not ENGINE:NAME"]),
        ("httpreq:x", ["leave out :x"]),
    ],
)
def test_said_before_the_order(certbot: Certbot, domain: str, provider: str, said: list[str]) -> None:
    words = ["-n", *AUTHENTICATOR, "--external-auth-provider", provider]
    result = certbot.run("certonly", *words, *names(domain), env={"LE_WORKING_DIR": "/nowhere"})
    assert result.returncode == 1
    assert not result.asked_ca
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith(("Saving debug", "Ask"))]
    assert len(lines) == len(said), result
    assert all(text in line for text, line in zip(said, lines, strict=True)), result


def test_the_error_has_the_words_of_the_server(
    certbot: Certbot, ca: TestCA, server: Server, env_file: Path, domain: str
) -> None:
    server.refusal = "the zone is locked"
    result = certbot.run("certonly", *PROVIDER, "--external-auth-env-file", str(env_file), *names(domain))
    assert result.returncode == 1
    assert not result.validated
    assert "The provider httpreq failed at add" in result.stderr
    assert "the zone is locked" in result.stderr
    assert PASSWORD not in result.stderr + result.log


@pytest.mark.long
def test_many_names_with_jobs(certbot: Certbot, ca: TestCA, server: Server, env_file: Path, domain: str) -> None:
    wanted = [f"{number}.{domain}" for number in range(12)]
    words = [*PROVIDER, "--external-auth-env-file", str(env_file), "--external-auth-jobs", "6"]
    issued = certbot.run("certonly", *words, *names(*wanted))
    assert issued.returncode == 0, issued
    assert certificates.names(certbot.live(wanted[0])) == sorted(wanted)
    assert sorted(path for path, _ in server.requests) == ["/cleanup"] * 12 + ["/present"] * 12


@pytest.mark.long
def test_in_two_steps_and_deployed_by_nobody(
    certbot: Certbot, ca: TestCA, tool: Tool, server: Server, env_file: Path, domain: str
) -> None:
    """Handing over is not the provider's part: one sentence says so, and it is no failure."""
    words = ["-n", "--configurator", "external-auth", *PROVIDER[3:], "--external-auth-env-file", str(env_file)]
    issued = certbot.run("certonly", *words, *names(domain))
    assert issued.returncode == 0, issued
    assert issued.stderr.count("Nobody was given the certificate") == 1
    # Without a mode, a session is for a driver.
    mode = ("--external-auth-mode", "handler", "--external-auth-env-file", str(env_file))
    begun = tool.begin("certonly", *PROVIDER, *mode, *names(f"b.{domain}"))
    assert (begun.code, begun["state"]) == (0, "done"), begun
