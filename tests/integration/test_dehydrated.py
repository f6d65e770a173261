"""The whole Dehydrated contract, and an existing configuration of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certbot_external_auth.handler_setup.dehydrated_config import SETTINGS
from certbot_external_auth.processes.exec_limits import RESERVED_BYTES, system_limit
from tests.support.certbot import Certbot, Result
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import AUTHENTICATOR, BOTH, RENEW, RENEW_NOW, handler, handler_for_both, names

DEHYDRATED = ("--external-auth-dialect", "dehydrated")
FLAG = "--external-auth-dehydrated-config"
EXAMPLE = Path("/usr/share/doc/dehydrated/examples/config")
START = {"BASEDIR", "CERTDIR", "ALPNCERTDIR", "COMMAND"}
CERTIFICATE = {"alias", "CHALLENGETYPE", "KEY_ALGO", "PRIVATE_KEY_ROLLOVER", "altnames"}


def test_every_operation_in_dehydrateds_order(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Lost: hooks that prepare at the start, copy at sync_cert, or report at the end."""
    result = certbot.run("certonly", *handler_for_both(scripts.dehydrated, *DEHYDRATED), *names(domain))
    assert result.returncode == 0, result
    order = ["startup_hook", "deploy_challenge", "clean_challenge", "sync_cert", "deploy_cert", "exit_hook"]
    assert scripts.operations == order
    startup, *others = scripts.calls()
    assert set(startup.env) >= START
    assert not CERTIFICATE & set(startup.env)
    assert all(set(call.env) >= START | CERTIFICATE for call in others)
    live = [str(certbot.live(domain, file)) for file in ("privkey", "cert", "fullchain", "chain")]
    assert scripts.calls("sync_cert")[0].argv[1:] == [*live, ""]
    assert scripts.calls("exit_hook")[0].argv == ["exit_hook"]
    scripts.forget()
    assert certbot.run(*RENEW).returncode == 0
    assert scripts.operations == ["startup_hook", "unchanged_cert", "exit_hook"]


def test_once_for_many_certificates(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    for name in (domain, f"b.{domain}"):
        assert certbot.run("certonly", *handler(scripts.dehydrated, *DEHYDRATED), *names(name)).returncode == 0
    scripts.forget()
    assert certbot.run(*RENEW_NOW).returncode == 0
    each = ["deploy_challenge", "clean_challenge"]
    assert scripts.operations == ["startup_hook", *each, *each, "exit_hook"]
    *_, cleaned, ended = scripts.calls()
    assert ended.env["alias"] == cleaned.env["alias"]


def test_invalid_challenge_names_what_really_failed(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Dehydrated names the last name of the certificate."""
    wanted = names(f"a.{domain}", domain, f"z.{domain}")
    words = handler(scripts.dehydrated, *DEHYDRATED, "--external-auth-verify", "off")
    result = certbot.run("certonly", *words, *wanted, env={"FORGET": domain})
    assert result.returncode == 1
    [invalid] = scripts.calls("invalid_challenge")
    assert invalid.argv[1] == domain
    assert "No TXT records found" in invalid.argv[2]
    assert len(scripts.calls("clean_challenge")) == 3
    operations = scripts.operations
    assert operations.index("invalid_challenge") < operations.index("clean_challenge")
    [ended] = scripts.calls("exit_hook")
    assert "Some challenges have failed" in ended.argv[1]


@pytest.mark.parametrize("operation", ["startup_hook", "sync_cert", "unchanged_cert", "exit_hook"])
def test_no_optional_operation_fails_a_run(certbot: Certbot, scripts: Hooks, domain: str, operation: str) -> None:
    """Eleven of 32 public hooks end with an error when they are called for something they do not know."""
    failing = {"FAIL_AT": operation}
    words = handler_for_both(scripts.dehydrated, *DEHYDRATED)
    assert certbot.run("certonly", *words, *names(domain), env=failing).returncode == 0
    renewed = certbot.run(*RENEW, env=failing)
    assert renewed.returncode == 0, renewed
    assert operation in scripts.operations


def test_a_chain_that_no_program_could_be_given(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Said before anything is published; a chain is not cut, since a hook would take its half for the whole."""
    left = system_limit() - RESERVED_BYTES - 3000
    padding = {f"PADDING_{number}": "x" * min(100_000, left - number) for number in range(0, left, 100_000)}
    words = handler(scripts.dehydrated, *DEHYDRATED, "--external-auth-hook-chain", "yes")
    wanted = names(*(f"n{number}.{domain}" for number in range(20)))
    result = certbot.run("certonly", *words, *wanted, env=padding)
    assert result.returncode == 1
    assert f"and this system passes {system_limit()} at most" in result.stderr
    assert "ask for fewer names in one certificate, or give --external-auth-hook-chain no" in result.stderr
    assert scripts.operations == []
    assert not result.validated


# --- an existing configuration ---


def test_the_page_has_every_option() -> None:
    """Lost: what somebody who moves has set, and nobody tells what becomes of it."""
    page = (Path(__file__).parents[2] / "docs" / "dehydrated.md").read_text()
    shipped = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)) if EXAMPLE.exists() else set()
    known = {one for one in SETTINGS if not one.startswith("CA_")} - {"COMMAND", "SCRIPTDIR"}
    assert sorted(one for one in shipped | known if f"`{one}" not in page) == []


@pytest.mark.parametrize("line", ["a.test b.test > web", "a.test", "ip:192.0.2.7 a.test >x", "  # a.test", ""])
def test_the_pages_loop_reads_domains_txt(tmp_path: Path, line: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "dehydrated.md").read_text()
    [loop] = re.findall(r"^    grep -v .*?^    done$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "domains.txt").write_text(line + "\n")
    script = 'certbot() { printf "%s " "$@"; }\n' + loop.replace("/etc/dehydrated/domains.txt", "domains.txt")
    said = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    words = said.partition("/etc/dehydrated/config ")[2].split()
    assert words == {
        "a.test b.test > web": ["--cert-name", "web", "-d", "a.test", "-d", "b.test"],
        "a.test": ["-d", "a.test"],
        "ip:192.0.2.7 a.test >x": ["--cert-name", "x", "--ip-address", "192.0.2.7", "-d", "a.test"],
    }.get(line, [])


@pytest.fixture
def config(tmp_path: Path, scripts: Hooks) -> Path:
    """As Debian ships it: a small file, and others beside it."""
    folder = tmp_path / "etc dehydrated"
    (folder / "conf.d").mkdir(parents=True)
    (folder / "conf.d" / "credentials.sh").write_text("export PROVIDER_KEY='k e y'\nNOT_EXPORTED=1\n")
    path = folder / "config"
    path.write_text(
        f'CONFIG_D="{folder}/conf.d"\nBASEDIR="{folder}/base"\nHOOK="{scripts.dehydrated}"\nHOOK_CHAIN="yes"\n'
        'WELLKNOWN="${BASEDIR}/acme-challenges"\nCHALLENGETYPE="dns-01"\nexport HOOK_WAIT=${HOOK_WAIT:-5}\n'
    )
    return path


def refused(result: Result, *sentences: str) -> None:
    assert result.returncode == 1, result
    assert not result.asked_ca
    assert "Traceback" not in result.stderr
    for sentence in sentences:
        assert sentence in result.stderr, result


def test_one_command_moves_from_dehydrated(certbot: Certbot, scripts: Hooks, config: Path, domain: str) -> None:
    """Lost: everybody who has a config, a hook, and no wish to write either again."""
    result = certbot.run("certonly", "-n", *BOTH, FLAG, str(config), *names(domain, f"*.{domain}"))
    assert result.returncode == 0, result
    assert len(scripts.calls("deploy_challenge")) == 1
    for call in scripts.calls():
        assert call.env["CONFIG"] == str(config)
        assert call.env["BASEDIR"] == str(config.parent / "base")
        assert (call.env["PROVIDER_KEY"], call.env["HOOK_WAIT"]) == ("k e y", "5")
        assert not {"NOT_EXPORTED", "HOOK", "HOOK_CHAIN"} & set(call.env)
    scripts.forget()
    config.write_text(config.read_text().replace('HOOK_CHAIN="yes"', 'HOOK_CHAIN="no"'))
    assert certbot.run(*RENEW_NOW).returncode == 0
    # It is read again at each renewal.
    assert len(scripts.calls("deploy_challenge")) == 2


def test_http_by_the_configuration(certbot: Certbot, ca: TestCA, scripts: Hooks, config: Path, domain: str) -> None:
    # Dehydrated's default.
    text = config.read_text().replace('CHALLENGETYPE="dns-01"\n', "")
    config.write_text(text)
    folder = config.parent / "base" / "acme-challenges"
    refused(
        certbot.run("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain)),
        f"its WELLKNOWN {folder} is not a directory; run: (umask 022; mkdir -p",
        "or choose dns-01 if Dehydrated was called with -t dns-01 (--preferred-challenges dns).",
    )
    folder.mkdir(parents=True)
    with Webroot(folder, ca.http_port):
        result = certbot.run("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain))
    assert result.returncode == 0, result
    [deploy] = scripts.calls("deploy_challenge")
    assert (deploy.env["CHALLENGETYPE"], deploy.env["WELLKNOWN"]) == ("http-01", str(folder))
    assert list(deploy.wellknown.values()) == [deploy.argv[3]]


def test_http_without_a_hook(
    certbot: Certbot, config: Path, web: Webroot, webroot_folder: Path, domain: str, tmp_path: Path
) -> None:
    """As most have it: Dehydrated's files, and a web server that shows them."""
    config.write_text(f"WELLKNOWN={webroot_folder}\n")
    result = certbot.run("certonly", "-n", *BOTH, FLAG, str(config), *names(domain))
    assert result.returncode == 0, result
    renewed = certbot.run(*RENEW_NOW, "-q")
    assert (renewed.returncode, renewed.stderr) == (0, "")
    assert len([path for path, _ in web.asked]) >= 2
    assert list(webroot_folder.iterdir()) == []


def test_flags_win(certbot: Certbot, scripts: Hooks, config: Path, domain: str, tmp_path: Path) -> None:
    other = shutil.copy2(scripts.dehydrated, scripts.path("other.py"))
    words = handler(other, FLAG, str(config), "--external-auth-hook-chain", "no")
    result = certbot.run("certonly", *words, *names(domain, f"*.{domain}"))
    assert result.returncode == 0, result
    assert len(scripts.calls("deploy_challenge")) == 2
    assert f"external_auth_handler = {other}" in certbot.renewal(domain)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("HOOK=/bin/true\nif\n", "cannot be read by bash"),
        ("HOOK=/bin/true\nfalse\n", "cannot be read by bash: exit code 1"),
        ("HOOK=/bin/true\necho $NEVER_SET\n", "line 2: unbound variable"),
        ("exit 0\n", "cannot be read by bash"),
        ("HOOK= CHALLENGETYPE=dns-01\n", "names no HOOK; give --external-auth-handler"),
        ("my_hook() { :; }\nHOOK=my_hook\n", "HOOK is the shell function my_hook; put it into a script"),
        ("HOOK=/nowhere/hook.sh CHALLENGETYPE=dns-01\n", "/nowhere does not exist"),
        ("HOOK=/bin/true CHALLENGETYPE=dns\n", "CHALLENGETYPE is dns; use one of http-01, dns-01, tls-alpn-01."),
        ("HOOK=/bin/true CONFIG_D=/nowhere\n", "CONFIG_D is /nowhere, which is not a directory"),
    ],
)
def test_a_configuration_that_does_not_work(
    certbot: Certbot, config: Path, domain: str, content: str, sentence: str
) -> None:
    config.write_text(content)
    refused(certbot.run("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain)), sentence)


def test_a_configuration_others_may_change(certbot: Certbot, config: Path, domain: str) -> None:
    """It is run as root."""
    words = ("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain))
    beside = config.parent / "conf.d" / "credentials.sh"
    for path in (beside, config):
        path.chmod(0o666)
        refused(certbot.run(*words), f"file {path} can be changed by every user of this machine; run: chmod o-w")
        path.chmod(0o600)
    config.unlink()
    refused(certbot.run(*words), f"{FLAG}: {config} is not an existing file")


def test_contradiction_with_another_dialect(certbot: Certbot, config: Path, domain: str) -> None:
    words = ("-n", *AUTHENTICATOR, FLAG, str(config), "--external-auth-dialect", "native")
    refused(certbot.run("certonly", *words, *names(domain)), "works only with the dialect dehydrated, not native")


def test_certbots_own_environment_stays_as_it_was(
    certbot: Certbot, scripts: Hooks, config: Path, domain: str, tmp_path: Path
) -> None:
    config.write_text(config.read_text() + "export PATH=/nowhere LANG=xx REQUESTS_CA_BUNDLE=/nowhere\n")
    config.write_text(config.read_text().replace("PATH=/nowhere ", ""))
    deploy = scripts.write("deploy.sh", f"#!/bin/sh\nenv >{tmp_path}/seen\n")
    words = ("-n", *AUTHENTICATOR, FLAG, str(config), "--deploy-hook", deploy)
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 0, result
    seen = (tmp_path / "seen").read_text()
    assert "PROVIDER_KEY" not in seen
    assert "REQUESTS_CA_BUNDLE=/nowhere" not in seen
    assert {call.env["REQUESTS_CA_BUNDLE"] for call in scripts.calls()} == {"/nowhere"}
