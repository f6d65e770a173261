"""The plugin of 2016-2020 by its own README: its command lines word for word, its lines, its renewal files.

Only `--staging` is left out, which today's Certbot refuses together with `--server`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates, historic
from tests.support.certbot import Certbot, Result
from tests.support.drivers import Publisher
from tests.support.hooks import Hooks
from tests.support.json_driver import Send
from tests.support.purity import Line
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import RENEW, RENEW_NOW, handler, names

FIRST, SECOND = "bristol3.pki.enigmabridge.com", "bs3.pki.enigmabridge.com"
README = r"""
    --text --agree-tos --email you@example.com
    --expand --renew-by-default
    --configurator certbot-external-auth:out
    --certbot-external-auth:out-public-ip-logging-ok
    -d "bristol3.pki.enigmabridge.com"
    -d "bs3.pki.enigmabridge.com"
"""
DNS_CERTONLY = "--preferred-challenges dns certonly"
DNS_RUN = "--preferred-challenges dns run"
HTTP_CERTONLY = "--preferred-challenges http certonly"
HANDLER = "--certbot-external-auth:out-handler ./handler-example.sh certonly"
HTTP_HANDLER = f"--preferred-challenges http {HANDLER}"
DNS_HANDLER = f"--preferred-challenges dns {HANDLER}"
DEHYDRATED_RUN = (
    "--preferred-challenges dns --certbot-external-auth:out-handler ./dehydrated-example.sh "
    "--certbot-external-auth:out-dehydrated-dns run"
)

PERFORM = ["cmd", "type", "domain", "token", "validation"]
CLEANUP = ["cmd", "type", "status", "domain", "token", "validation", "key_auth", "validated", "error"]
DEPLOY = ["cmd", "domain", "cert_path", "key_path", "chain_path", "fullchain_path", "timestamp", "cert_timestamp"]
INSTALL = ["deploy_cert", "save", "deploy_cert", "save", "save", "restart"]


def words(text: str) -> list[str]:
    return shlex.split(README + text)


@pytest.fixture
def publisher(ca: TestCA, webroot_folder: Path) -> Iterator[Publisher]:
    yield Publisher(ca, webroot_folder)
    for name in (FIRST, SECOND):
        ca.clear_txt(f"_acme-challenge.{name}")


@pytest.fixture(autouse=True)
def _examples(certbot: Certbot, scripts: Hooks) -> None:
    """The two example scripts where the README has them: in the directory that Certbot is started in."""
    for name, path in (("handler", scripts.native), ("dehydrated", scripts.dehydrated)):
        example = certbot.cwd / f"{name}-example.sh"
        example.write_text(f'#!/bin/sh\nexec {path} "$@"\n')
        example.chmod(0o755)


def check_report(certbot: Certbot, result: Result) -> None:
    report = result.lines[-1]
    assert list(report) == ["cmd", "messages"]
    (message,) = report["messages"]
    assert (message["priority"], message["on_crash"]) == (1, True)
    text = " ".join(message["lines"])
    assert text.startswith("Congratulations! Your certificate and chain have been saved at ")
    assert str(certbot.live(FIRST, "fullchain")) in text
    assert "Your cert will expire on " in text


@pytest.mark.versions
def test_dns_certonly(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a failure of Ansible roles and scripts of 2016."""
    result = certbot.drive(*words(DNS_CERTONLY), policy=publisher)
    assert result.returncode == 0, result
    assert result.commands[:4] == ["perform_challenge", "perform_challenge", "cleanup", "cleanup"]
    assert result.commands[-1] == "report"
    for line in result.of("perform_challenge"):
        assert list(line) == [*PERFORM, "txt_domain", "key_auth"]
        assert line["txt_domain"] == f"_acme-challenge.{line['domain']}"
    for line in result.of("cleanup"):
        assert list(line) == CLEANUP
    assert {line["domain"] for line in result.of("perform_challenge")} == {FIRST, SECOND}
    shown = historic.without_values(result.stdout)
    assert (shown[:4], shown[-1]) == (historic.DNS, historic.REPORT)
    check_report(certbot, result)
    assert certificates.names(certbot.live(FIRST)) == [FIRST, SECOND]


def test_each_challenge_waits_for_its_newline(certbot: Certbot) -> None:
    """Guards against: a driver whose newline confirms more than the one challenge it published."""
    result = certbot.drive(*words(DNS_CERTONLY), policy=lambda line, send: send(b""))
    assert result.returncode == 1
    assert result.commands.count("perform_challenge") == 1
    assert result.commands.count("cleanup") == 1
    assert not result.validated


def test_any_line_counts_as_the_newline(certbot: Certbot, publisher: Publisher) -> None:
    """Guards against: a failure of drivers that send a word before their newline."""

    def wordy(line: Line, send: Send) -> None:
        publisher(line, lambda data: send(b"ok" + data))

    assert certbot.drive(*words(DNS_CERTONLY), policy=wordy).returncode == 0


@pytest.mark.versions
def test_dns_run(certbot: Certbot, publisher: Publisher) -> None:
    """Guards against: a failure of the same scripts as installers, which expect a line for each name."""
    result = certbot.drive(*words(DNS_RUN), policy=publisher)
    assert result.returncode == 0, result
    challenges = ["perform_challenge", "perform_challenge", "cleanup", "cleanup"]
    assert result.commands == [*challenges, *INSTALL, "report"]
    deploys = result.of("deploy_cert")
    assert [line["domain"] for line in deploys] == [FIRST, SECOND]
    for line in deploys:
        assert list(line) == DEPLOY
        assert line["fullchain_path"] == str(certbot.live(FIRST, "fullchain"))
    assert historic.without_values(result.stdout) == historic.RUN
    saves = [(line["title"], line["temporary"]) for line in result.of("save")]
    assert saves == [(None, False), (None, False), ("Deployed ACME Certificate", False)]
    check_report(certbot, result)


def test_http_certonly(certbot: Certbot, publisher: Publisher, web: Webroot) -> None:
    """Guards against: a failure of the same scripts when they publish files."""
    result = certbot.drive(*words(HTTP_CERTONLY), policy=publisher)
    assert result.returncode == 0, result
    for line in result.of("perform_challenge"):
        assert list(line) == [*PERFORM, "uri", "command", "key_auth"]
        assert line["uri"] == f"http://{line['domain']}/.well-known/acme-challenge/{line['token']}"
    assert web.files() == []
    shown = historic.without_values(result.stdout)
    assert (shown[:4], shown[-1]) == (historic.HTTP, historic.REPORT)
    check_report(certbot, result)


@pytest.mark.versions
@pytest.mark.parametrize(("text", "kind"), [(DNS_HANDLER, "dns-01"), (HTTP_HANDLER, "http-01")])
def test_handler_certonly(
    certbot: Certbot, scripts: Hooks, publisher: Publisher, web: Webroot, text: str, kind: str
) -> None:
    """Guards against: a failure of scripts of the historic plugin, and of programs that read its lines."""
    result = certbot.run(*words(text))
    assert result.returncode == 0, result
    assert [name for name in scripts.operations if name.endswith(("perform", "cleanup"))] == [
        *("pre-perform", "perform", "perform", "post-perform"),
        *("pre-cleanup", "cleanup", "cleanup", "post-cleanup"),
    ]
    assert {call.env["type"] for call in scripts.calls("perform", "cleanup")} == {kind}
    assert [line["domain"] for line in result.of("perform_challenge")] == [
        call.env["domain"] for call in scripts.calls("perform")
    ]
    assert result.commands[:4] == ["perform_challenge", "perform_challenge", "cleanup", "cleanup"]
    check_report(certbot, result)


@pytest.mark.versions
def test_dehydrated_run(certbot: Certbot, scripts: Hooks, publisher: Publisher) -> None:
    """Guards against: a failure of Dehydrated hooks of the historic plugin, which deploys each name."""
    result = certbot.run(*words(DEHYDRATED_RUN))
    assert result.returncode == 0, result
    assert [call.argv[0] for call in scripts.calls()] == [
        *("deploy_challenge", "deploy_challenge", "clean_challenge", "clean_challenge", "deploy_cert", "deploy_cert"),
    ]
    assert [call.argv[1] for call in scripts.calls("deploy_cert")] == [FIRST, SECOND]
    assert all(len(call.argv) == 7 for call in scripts.calls("deploy_cert"))
    challenges = ["perform_challenge", "perform_challenge", "cleanup", "cleanup"]
    assert result.commands == [*challenges, *INSTALL, "report"]
    check_report(certbot, result)

    scripts.forget()
    renewed = certbot.run(*RENEW_NOW, "-q", cwd=Path("/"))
    assert renewed.returncode == 0, renewed
    assert [call.argv[1] for call in scripts.calls("deploy_cert")] == [FIRST, SECOND]
    scripts.forget()
    assert certbot.run(*RENEW, "-q").returncode == 0
    assert scripts.operations == ["unchanged_cert", "unchanged_cert"]


def test_text_mode_is_manual(certbot: Certbot, ca: TestCA, publisher: Publisher) -> None:
    """Guards against: a failure for people who used it by hand."""
    shown = "--certbot-external-auth:out-text-mode " + DNS_CERTONLY

    def react(screen: str) -> str:
        for line in screen.splitlines():
            if " IN TXT " in line and line.startswith("_acme-challenge."):
                ca.add_txt(line.split()[0].rstrip("."), line.split('"')[1])
        return "\n"

    # Certbot asks this after --email; nobody is asked where there is no terminal.
    result = certbot.type(*words(shown), script=[(r"\(Y\)es/\(N\)o:", "N\n"), ("Press Enter", react)])
    assert result.returncode == 0, result


CONF_2019 = """# renew_before_expiry = 30 days
version = 0.31.0
archive_dir = {config}/archive/{name}
cert = {config}/live/{name}/cert.pem
privkey = {config}/live/{name}/privkey.pem
chain = {config}/live/{name}/chain.pem
fullchain = {config}/live/{name}/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = {account}
server = {server}
authenticator = certbot-external-auth:out
installer = certbot-external-auth:out
pref_challs = dns-01,
tls_sni_01_port = 443
http01_port = None
certbot_external_auth:out_public_ip_logging_ok = True
certbot_external_auth:out_text_mode = False
certbot_external_auth:out_test_mode = False
"""
WITH_HANDLER = "certbot_external_auth:out_handler = {scripts.native}\n"
WITH_DEHYDRATED = (
    "certbot_external_auth:out_handler = {scripts.dehydrated}\ncertbot_external_auth:out_dehydrated_dns = True\n"
)


@pytest.mark.versions
@pytest.mark.parametrize(
    ("more", "begin"),
    [(WITH_HANDLER, "perform"), (WITH_DEHYDRATED, "deploy_challenge"), ("", "")],
    ids=["handler", "dehydrated", "json"],
)
def test_renewal_file_of_2019_renews(
    certbot: Certbot, scripts: Hooks, publisher: Publisher, domain: str, more: str, begin: str
) -> None:
    """Guards against: hosts of 2019 that stop renewing on the day when Certbot is upgraded."""
    assert certbot.run("certonly", *handler(scripts.native), *names(domain)).returncode == 0
    before = certificates.serial(certbot.live(domain))
    (account,) = (path.parent.name for path in certbot.config_dir.rglob("accounts/**/regr.json"))
    text = CONF_2019.format(config=certbot.config_dir, name=domain, account=account, server=certbot.ca.directory)
    certbot.renewal_path(domain).write_text(text + more.format(scripts=scripts))
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW, "-q") if more else certbot.drive(*RENEW_NOW, "-q", policy=publisher)
    assert renewed.returncode == 0, renewed
    assert certificates.serial(certbot.live(domain)) != before
    if not more:
        assert renewed.commands == ["perform_challenge", "cleanup", "deploy_cert", "restart", "report"]
    else:
        assert renewed.stdout == ""
        assert scripts.operations.count(begin) == scripts.operations.count("deploy_cert") == 1
    assert "authenticator = certbot-external-auth:out" in certbot.renewal(domain)
    scripts.forget()
    again = certbot.run(*RENEW_NOW, "-q") if more else certbot.drive(*RENEW_NOW, "-q", policy=publisher)
    assert again.returncode == 0, again
