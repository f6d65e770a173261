"""Backend json, protocol 1: a program reads lines, publishes and answers.

That stdout carries nothing but lines, numbered, from hello to summary, is checked by the runner for every run.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.drivers import Publisher
from tests.support.json_driver import GoneError, Send
from tests.support.purity import Line
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import JSON, RENEW, RENEW_NOW, names

BOTH = ("-n", "--configurator", "external-auth", "--external-auth-mode", "json")
ORDER = [
    *("hello", "perform_challenge", "perform_challenge", "await", "visibility", "visibility", "result", "result"),
    *("cleanup", "cleanup", "report", "summary"),
]


@pytest.fixture
def publisher(ca: TestCA, webroot_folder: Path) -> Publisher:
    return Publisher(ca, webroot_folder)


@pytest.mark.versions
def test_base_and_wildcard_issue_and_renew_by_dns(
    certbot: Certbot, publisher: Publisher, ca: TestCA, domain: str
) -> None:
    """Guards against: no certificates for people who drive Certbot from Ansible or a CI job."""
    issued = certbot.drive("certonly", *JSON, *names(domain, f"*.{domain}"), policy=publisher)
    assert issued.returncode == 0, issued
    assert issued.commands == ORDER
    first, second = issued.of("perform_challenge")
    (waiting,) = issued.of("await")
    record = f"_acme-challenge.{domain}"
    assert waiting["txt"] == {record: [first["validation"], second["validation"]]} == publisher.published
    assert waiting["ids"] == [first["id"], second["id"]]
    assert (waiting["http"], waiting["tls"]) == ({}, {})
    assert datetime.fromisoformat(waiting["deadline"].replace("Z", "+00:00")) > datetime.fromisoformat(
        first["ts"].replace("Z", "+00:00")
    )
    assert {line["status"] for line in issued.of("result", "cleanup")} == {"valid"}
    assert [line["id"] for line in issued.of("result")] == waiting["ids"]
    assert [line["id"] for line in issued.of("cleanup")] == waiting["ids"]
    (lineage,) = issued.lines[-1]["lineages"]
    assert (lineage["name"], lineage["changed"]) == (domain, True)
    assert issued.lines[-1]["unconfirmed"] == []
    assert str(certbot.live(domain, "fullchain")) in issued.of("report")[0]["messages"][0]["lines"][0]
    assert ca.txt(record) == []

    before = certificates.serial(certbot.live(domain))
    renewed = certbot.drive(*RENEW_NOW, "-q", policy=publisher)
    assert renewed.returncode == 0, renewed
    assert renewed.commands == ORDER
    assert certificates.serial(certbot.live(domain)) != before


def test_two_names_issue_and_renew_by_http(certbot: Certbot, publisher: Publisher, web: Webroot, domain: str) -> None:
    """Guards against: the same for people who publish files."""
    wanted = names(domain, f"www.{domain}")
    issued = certbot.drive("certonly", *JSON, "--preferred-challenges", "http", *wanted, policy=publisher)
    assert issued.returncode == 0, issued
    assert issued.commands == ORDER
    for line in issued.of("perform_challenge"):
        assert line["uri"] == f"http://{line['domain']}/.well-known/acme-challenge/{line['token']}"
        assert line["token"] in line["command"]
        assert line["validation"] == line["key_auth"]
    assert issued.of("await")[0]["http"] == {uri: content for uri, (content,) in publisher.published.items()}
    assert certbot.drive(*RENEW_NOW, "--external-auth-mode", "json", policy=publisher).returncode == 0
    assert web.files() == []


def test_hello_tells_what_is_spoken(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a driver that cannot refuse a protocol that it does not know."""
    result = certbot.drive("certonly", *JSON, *names(domain), policy=publisher)
    hello = result.lines[0]
    assert hello["protocol"] == "1.0"
    assert hello["plugin"]
    assert hello["certbot"]
    assert {"dns-01", "http-01"} <= set(hello["features"])


def test_historic_keys_come_first_and_keep_their_order(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a failure of drivers that read the lines of 2016 by position."""
    result = certbot.drive("run", *BOTH, *names(domain), policy=publisher)
    assert result.returncode == 0, result
    keys = {line["cmd"]: list(line) for line in result.lines}
    expected = {
        "perform_challenge": ["cmd", "type", "domain", "token", "validation", "txt_domain", "key_auth"],
        "cleanup": [
            *("cmd", "type", "status", "domain", "token", "validation", "key_auth", "validated", "error"),
        ],
        "deploy_cert": [
            *("cmd", "domain", "cert_path", "key_path", "chain_path", "fullchain_path", "timestamp", "cert_timestamp"),
        ],
        "save": ["cmd", "title", "temporary"],
    }
    for command, historic in expected.items():
        assert keys[command][: len(historic)] == historic


@pytest.mark.versions
def test_run_deploys_and_waits_for_the_answer(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a certificate that never reaches its server."""
    result = certbot.drive("run", *BOTH, *names(domain), policy=publisher)
    assert result.returncode == 0, result
    (deploy,) = result.of("deploy_cert")
    assert deploy["lineage"] == deploy["domain"] == domain
    assert deploy["domains"] == [domain]
    assert deploy["sha256"] == certificates.sha256(certbot.live(domain))
    for key, file in (("cert", "cert"), ("key", "privkey"), ("chain", "chain"), ("fullchain", "fullchain")):
        assert deploy[f"{key}_path"] == str(certbot.live(domain, file))
    assert {"save", "restart"} <= set(result.commands)
    (lineage,) = result.lines[-1]["lineages"]
    assert (lineage["changed"], lineage["deployed"], lineage["deploy_pending"]) == (True, True, False)


def test_nothing_that_anybody_prints_reaches_stdout(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a hook that prints between the lines, or reads an answer of the driver."""
    noise = "cat - ; echo to stdout; echo to stderr >&2"
    hooks = [word for name in ("pre", "post", "deploy") for word in (f"--{name}-hook", noise)]
    issued = certbot.drive("run", *BOTH, "-vv", *hooks, *names(domain), policy=publisher)
    assert issued.returncode == 0, issued
    for more in ((), ("-q",), ("-v",), ("-vv", "--debug")):
        renewed = certbot.drive(*RENEW_NOW, "--external-auth-mode", "json", *more, policy=publisher)
        assert renewed.returncode == 0, renewed
        assert renewed.of("deploy_cert")


@pytest.mark.parametrize("more", [(), ("-q",), ("-v",)])
def test_run_in_which_nothing_happens_is_hello_and_summary(
    certbot: Certbot, publisher: Publisher, domain: str, more: tuple[str, ...]
) -> None:
    """Guards against: a crash that looks like a run with nothing to do."""
    assert certbot.drive("certonly", *JSON, *names(domain), policy=publisher).returncode == 0
    again = certbot.drive("certonly", *JSON, "--keep-until-expiring", *more, *names(domain), policy=publisher)
    assert again.returncode == 0, again
    assert again.commands == ["hello", "summary"]
    renewed = certbot.drive("renew", "--external-auth-mode", "json", *more, policy=publisher)
    assert renewed.returncode == 0, renewed
    assert renewed.commands == ["hello", "summary"]


def test_timer_prints_nothing_when_nothing_is_due(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Lost: a mail from cron that says something. The certificate says itself that a driver takes it."""
    assert certbot.drive("run", *BOTH, *names(domain), policy=publisher).returncode == 0
    ended = certbot.run(*RENEW, "-q")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_ca_that_refuses_is_quoted(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a driver that learns neither the CA's reason nor which name was valid."""
    good, bad = f"good.{domain}", f"bad.{domain}"

    def careless(line: Line, send: Send) -> None:
        if not (line["cmd"] == "perform_challenge" and line["domain"] == bad):
            publisher(line, send)

    result = certbot.drive("certonly", *JSON, "--external-auth-verify", "off", *names(good, bad), policy=careless)
    assert result.returncode == 1
    domains = {line["id"]: line["domain"] for line in result.of("perform_challenge")}
    results = {domains[line["id"]]: line for line in result.of("result")}
    assert results[bad]["status"] == "invalid"
    assert results[bad]["error"]["type"] == "urn:ietf:params:acme:error:unauthorized"
    assert results[bad]["error"]["detail"]
    assert results[good]["status"] == "valid"
    (cleanup,) = (line for line in result.of("cleanup") if line["domain"] == bad)
    assert cleanup["status"] == "invalid"
    assert "urn:ietf:params:acme:error:unauthorized" in cleanup["error"]
    assert result.of("error")


def test_driver_that_is_gone_ends_the_run(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a Certbot that waits for ever for a program that was killed, and holds its lock."""

    def leave(line: Line, send: Send) -> None:
        publisher(line, send)
        if line["cmd"] == "perform_challenge":
            raise GoneError

    result = certbot.drive("certonly", *JSON, *names(domain), policy=leave)
    assert result.returncode == 1
    assert not result.validated
    assert "Traceback" not in result.stderr


def test_mode_in_cli_ini(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: no renewal on hosts that a program always drives."""
    certbot.cli_ini.write_text("authenticator = external-auth\nexternal-auth-mode = json\n")
    issued = certbot.drive("certonly", "-n", *names(domain), policy=publisher)
    assert issued.returncode == 0, issued
    assert issued.commands[0] == "hello"
    assert certbot.drive(*RENEW_NOW, policy=publisher).commands[0] == "hello"


def test_install_and_reconfigure_speak_lines_too(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: two verbs that a driver cannot use to correct an existing certificate."""
    assert certbot.drive("certonly", *JSON, *names(domain), policy=publisher).returncode == 0
    words = ("-n", "-i", "external-auth", "--external-auth-mode", "json", "--cert-name", domain)
    installed = certbot.drive("install", *words, policy=publisher)
    assert installed.returncode == 0, installed
    assert installed.of("deploy_cert")
    changed = certbot.drive("reconfigure", *words, policy=publisher)
    assert changed.returncode == 0, changed
    assert "installer = external-auth" in certbot.renewal(domain)


def test_renewal_file_alone_says_json(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Only Certbot's own first lines may come before the JSON lines if no flag names the mode."""
    assert certbot.drive("certonly", *JSON, *names(domain), policy=publisher).returncode == 0
    result = certbot.drive(*RENEW_NOW, policy=publisher)
    assert result.returncode == 0, result
    assert result.of("perform_challenge")
