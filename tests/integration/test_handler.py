"""Backend handler against a CA that validates: publish, issue, withdraw, renew."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.hooks import Call, Hooks
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import RENEW_NOW, handler, names

NATIVE_ORDER = [
    *("pre-perform", "perform", "perform", "post-perform"),
    *("pre-cleanup", "cleanup", "cleanup", "post-cleanup"),
]
SINGLE_ORDER = ["startup_hook", *["deploy_challenge"] * 2, *["clean_challenge"] * 2, "exit_hook"]
CHAIN_ORDER = ["startup_hook", "deploy_challenge", "clean_challenge", "exit_hook"]
DEHYDRATED = ("--external-auth-dialect", "dehydrated")
CHAIN = (*DEHYDRATED, "--external-auth-hook-chain", "yes")
DNS = ("--preferred-challenges", "dns")
HTTP = ("--preferred-challenges", "http")

WAYS = pytest.mark.parametrize(
    ("script", "options", "order"),
    [
        pytest.param("publishes.py", (), NATIVE_ORDER, id="native"),
        pytest.param("publishes-as-dehydrated.py", DEHYDRATED, SINGLE_ORDER, id="dehydrated"),
        pytest.param("publishes-as-dehydrated.py", CHAIN, CHAIN_ORDER, id="dehydrated-chain"),
    ],
)


def chained(call: Call) -> list[tuple[str, ...]]:
    """The triples of a Dehydrated call."""
    words = call.argv[1:]
    return list(zip(words[::3], words[1::3], words[2::3], strict=True))


@pytest.mark.versions
@WAYS
def test_base_and_wildcard_issue_and_renew_by_dns(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, script: str, options: tuple[str, ...], order: list[str]
) -> None:
    """Guards against: no certificate for a domain and its wildcard, now or in ninety days."""
    issued = certbot.run("certonly", *handler(scripts.path(script), *options), *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    assert scripts.operations == order
    assert ca.txt(f"_acme-challenge.{domain}") == []

    first = certificates.serial(certbot.live(domain))
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert certificates.serial(certbot.live(domain)) != first
    assert scripts.operations == order
    assert ca.txt(f"_acme-challenge.{domain}") == []


@WAYS
def test_two_names_issue_and_renew_by_http(
    certbot: Certbot,
    scripts: Hooks,
    web: Webroot,
    domain: str,
    script: str,
    options: tuple[str, ...],
    order: list[str],
) -> None:
    """Guards against: no certificate for people with a web server and no DNS interface."""
    where = () if script == "publishes.py" else ("--external-auth-wellknown", str(web.folder))
    words = handler(scripts.path(script), *options, *where, *HTTP)
    issued = certbot.run("certonly", *words, *names(domain, f"www.{domain}"))
    assert issued.returncode == 0, issued
    assert scripts.operations == order
    assert web.files() == []

    scripts.forget()
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert scripts.operations == order
    assert web.files() == []
    assert {status for _, status in web.asked} == {200}


def test_native_call_carries_line_and_variables(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Handlers of 2016 read plain variables, cbot_ ones, or the JSON line: all must be there."""
    certbot.environment["VISIBLE"] = "from the caller"
    assert certbot.run("certonly", *handler(scripts.native), *names(domain)).returncode == 0
    (perform,) = scripts.calls("perform")
    line = json.loads(perform.stdin)
    assert json.loads(perform.env["cbot_json"]) == line
    assert list(line)[:7] == ["cmd", "type", "domain", "token", "validation", "txt_domain", "key_auth"]
    assert (line["cmd"], line["type"], line["domain"]) == ("perform_challenge", "dns-01", domain)
    for key in ("type", "domain", "token", "validation", "txt_domain", "key_auth"):
        assert perform.env[key] == perform.env[f"cbot_{key}"] == line[key]
    assert perform.env["cbot_id"] == line["id"]
    assert "id" not in perform.env
    assert perform.env["txt_domain"] == f"_acme-challenge.{domain}"
    assert line["key_auth"].startswith(line["token"] + ".")

    (cleanup,) = scripts.calls("cleanup")
    line = json.loads(cleanup.stdin)
    assert list(line)[:9] == [
        *("cmd", "type", "status", "domain", "token", "validation", "key_auth", "validated", "error")
    ]
    assert (line["cmd"], line["status"], line["error"]) == ("cleanup", "valid", None)
    assert cleanup.env["error"] == cleanup.env["validated"] == ""
    assert {call.env["VISIBLE"] for call in scripts.calls()} == {"from the caller"}


def test_every_call_starts_in_the_same_clean_surroundings(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: scripts in an unexpected directory, without libraries, or with inherited files."""
    surroundings = {"VIRTUAL_ENV": sys.prefix, "PYTHONPATH": f"{sys.prefix}/lib:/opt/lib"}
    result = certbot.run("certonly", *handler(scripts.native), *names(domain), env=surroundings)
    assert result.returncode == 0, result
    for call in scripts.calls():
        assert call.argv == [call.operation]
        assert call.cwd == str(certbot.cwd)
        assert call.session
        # The fourth is the directory listing itself.
        assert call.descriptors == [0, 1, 2, 3]
        assert (call.env.get("VIRTUAL_ENV"), call.env["PYTHONPATH"]) == (None, "/opt/lib")
        assert call.umask == 0o022 or call.umask == _own_umask()


def _own_umask() -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return int(next(line.split()[1] for line in file if line.startswith("Umask:")), 8)


def test_dehydrated_call_is_dehydrateds(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a Dehydrated hook that does not work unmodified."""
    wild = f"*.{domain}"
    assert certbot.run("certonly", *handler(scripts.dehydrated, *DEHYDRATED), *names(domain, wild)).returncode == 0
    deploys, cleans = scripts.calls("deploy_challenge"), scripts.calls("clean_challenge")
    assert [call.argv[1:] for call in deploys] == [call.argv[1:] for call in cleans]
    assert {call.argv[1] for call in deploys} == {domain}
    assert all(len(call.argv) == 4 and len(call.argv[3]) == 43 for call in deploys)
    for call in scripts.calls():
        assert call.umask == 0o077
        assert call.stdin_is_null
        assert call.session
        assert call.cwd == str(certbot.cwd)
    for call in scripts.calls("deploy_challenge", "clean_challenge", "exit_hook"):
        assert call.env["CHALLENGETYPE"] == "dns-01"
        assert call.env["alias"] == domain
        assert call.env["altnames"].split() == [domain, wild]
        assert call.env["COMMAND"] == "sign_domains"
        assert call.env["KEY_ALGO"] == "prime256v1"
        assert {"BASEDIR", "CERTDIR", "ALPNCERTDIR", "PRIVATE_KEY_ROLLOVER"} <= set(call.env)
        assert not {"CONFIG", "WELLKNOWN", "cbot_json", "domain"} & set(call.env)


def test_dehydrated_chain_is_one_call_of_triples(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure of hooks that replace the whole record set, which need a chain."""
    wanted = names(domain, f"*.{domain}", f"a.{domain}")
    assert certbot.run("certonly", *handler(scripts.dehydrated, *CHAIN), *wanted).returncode == 0
    (deploy,), (clean,) = scripts.calls("deploy_challenge"), scripts.calls("clean_challenge")
    assert chained(deploy) == chained(clean)
    assert sorted(domain for domain, _, _ in chained(deploy)) == sorted([domain, domain, f"a.{domain}"])


def test_wellknown_file_is_there_at_deploy_and_gone_at_clean(
    certbot: Certbot, scripts: Hooks, web: Webroot, domain: str
) -> None:
    """Guards against: a failure of Dehydrated hooks that copy the challenge file elsewhere."""
    options = (*DEHYDRATED, "--external-auth-wellknown", str(web.folder), *HTTP)
    assert certbot.run("certonly", *handler(scripts.dehydrated, *options), *names(domain)).returncode == 0
    (deploy,), (clean,) = scripts.calls("deploy_challenge"), scripts.calls("clean_challenge")
    _, _, token, content = deploy.argv
    assert deploy.wellknown == {token: content}
    assert clean.wellknown == {}
    assert deploy.env["WELLKNOWN"] == str(web.folder)
    assert deploy.env["CHALLENGETYPE"] == "http-01"


def test_handler_may_decline_what_it_need_not_know(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure of the historic examples, which answer most calls with NotImplemented."""
    result = certbot.run("certonly", *handler(scripts.path("knows-little.sh")), *names(domain))
    assert result.returncode == 0, result
    assert scripts.operations == ["perform", "cleanup"]


def test_output_reaches_the_log_line_by_line(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no way to see what a successful script printed."""
    result = certbot.run("certonly", "-v", *handler(scripts.native), *names(domain))
    assert result.returncode == 0, result
    assert f"perform {domain}: perform is done" in result.log
    assert f"cleanup {domain}: cleanup is done" in result.log
    assert f"perform {domain}: perform is done" in result.stderr
