"""Handing certificates over: once for each new one, again after a failure, and never because the plugin is new."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.words import RENEW, RENEW_NOW, handler, handler_for_both, names

DEHYDRATED = ("--external-auth-dialect", "dehydrated")
NOTICES = ("deploy_cert", "unchanged_cert")
FAILING = {"FAIL_AT": "deploy_cert"}


def notices(scripts: Hooks) -> list[str]:
    """What the handler was told about certificates."""
    return [call.operation for call in scripts.calls(*NOTICES)]


@pytest.mark.versions
def test_run_deploys_once_for_all_names(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no deployment, and three deployments of one certificate with three names."""
    wanted = [f"*.{domain}", domain, f"www.{domain}"]
    result = certbot.run("run", *handler_for_both(scripts.native), "--cert-name", domain, *names(*wanted))
    assert result.returncode == 0, result
    (deploy,) = scripts.calls("deploy_cert")
    line = json.loads(deploy.stdin)
    assert line["domains"] == deploy.env["cbot_domains"].split()
    assert sorted(line["domains"]) == sorted(wanted)
    assert line["domain"] == deploy.env["domain"] == line["domains"][0]
    assert line["lineage"] == deploy.env["cbot_lineage"] == domain
    assert line["sha256"] == certificates.sha256(certbot.live(domain))
    for key, file in (("cert", "cert"), ("key", "privkey"), ("chain", "chain"), ("fullchain", "fullchain")):
        assert deploy.env[f"{key}_path"] == line[f"{key}_path"] == str(certbot.live(domain, file))
    assert not scripts.calls("unchanged_cert")


@pytest.mark.versions
def test_dehydrated_deploys_once_with_its_arguments(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure of unmodified Dehydrated hooks, which need these six arguments."""
    words = handler_for_both(scripts.dehydrated, *DEHYDRATED)
    result = certbot.run("run", *words, *names(f"*.{domain}", domain))
    assert result.returncode == 0, result
    (deploy,) = scripts.calls("deploy_cert")
    live = [str(certbot.live(domain, file)) for file in ("privkey", "cert", "fullchain", "chain")]
    assert deploy.argv[1] in (domain, f"*.{domain}")
    assert deploy.argv[2:6] == live
    assert deploy.argv[6].isdigit()
    assert (deploy.umask, deploy.stdin_is_null) == (0o077, True)
    assert deploy.env["altnames"].split() == [f"*.{domain}", domain]

    scripts.forget()
    assert certbot.run(*RENEW).returncode == 0
    (unchanged,) = scripts.calls(*NOTICES)
    assert unchanged.operation == "unchanged_cert"
    assert unchanged.argv[2:] == live


def test_wildcard_goes_by_its_first_name(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a hook that cannot tell which certificate it got."""
    result = certbot.run("run", *handler_for_both(scripts.native), *names(f"*.{domain}"))
    assert result.returncode == 0, result
    (deploy,) = scripts.calls("deploy_cert")
    assert (deploy.env["domain"], deploy.env["cbot_lineage"]) == (f"*.{domain}", domain)


def test_authenticator_alone_does_not_deploy(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a deployment that was not asked for."""
    assert certbot.run("certonly", *handler(scripts.native), *names(domain)).returncode == 0
    assert certbot.run(*RENEW_NOW).returncode == 0
    assert certbot.run(*RENEW).returncode == 0
    assert notices(scripts) == []


@pytest.mark.versions
def test_certonly_with_installer_deploys_what_it_wrote(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no deployment of the first certificate with certonly, which most guides use."""
    result = certbot.run("certonly", *handler_for_both(scripts.native), *names(domain))
    assert result.returncode == 0, result
    assert notices(scripts) == ["deploy_cert"]
    # Nothing is due, so nothing is handed over a second time.
    assert certbot.run("certonly", *handler_for_both(scripts.native), "--keep", *names(domain)).returncode == 0
    assert notices(scripts) == ["deploy_cert"]


@pytest.mark.versions
def test_renewal_deploys_when_due_and_says_unchanged_when_not(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no deployment of a renewed certificate."""
    assert certbot.run("run", *handler_for_both(scripts.native), *names(domain)).returncode == 0
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert notices(scripts) == ["deploy_cert"]
    (deploy,) = scripts.calls("deploy_cert")
    assert deploy.env["cbot_sha256"] == certificates.sha256(certbot.live(domain))

    scripts.forget()
    idle = certbot.run(*RENEW, "-q")
    assert (idle.returncode, idle.stdout, idle.stderr) == (0, "", "")
    assert scripts.operations == ["unchanged_cert"]


def test_install_deploys_always(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no way to deploy a certificate to a server that was set up again."""
    assert certbot.run("run", *handler_for_both(scripts.native), *names(domain)).returncode == 0
    words = ("-n", "-i", "external-auth", "--external-auth-handler", scripts.native)
    for _ in range(2):
        scripts.forget()
        result = certbot.run("install", *words, "--cert-name", domain)
        assert result.returncode == 0, result
        assert scripts.operations == ["deploy_cert"]
    scripts.forget()
    again = certbot.run("run", *handler_for_both(scripts.native), "--reinstall", *names(domain))
    assert again.returncode == 0, again
    assert scripts.operations == ["deploy_cert"]


def test_install_by_path_deploys_under_the_first_name(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no deployment of certificates that Certbot did not issue."""
    assert certbot.run("certonly", *handler(scripts.native), *names(domain)).returncode == 0
    scripts.forget()
    copies = {file: certbot.cwd / f"{file}.pem" for file in ("cert", "privkey", "fullchain")}
    for file, path in copies.items():
        path.write_bytes(certbot.live(domain, file).read_bytes())
    result = certbot.run(
        *("install", "-n", "-i", "external-auth", "--external-auth-handler", scripts.native, "-d", domain),
        *("--cert-path", str(copies["cert"]), "--key-path", str(copies["privkey"])),
        *("--fullchain-path", str(copies["fullchain"])),
    )
    assert result.returncode == 0, result
    (deploy,) = scripts.calls("deploy_cert")
    assert (deploy.env["domain"], deploy.env["cert_path"]) == (domain, str(copies["cert"]))
    assert deploy.env["chain_path"] == deploy.env["cbot_lineage"] == ""


def test_plugin_new_as_installer_deploys_nothing_old(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a first renewal that deploys certificates which the servers already have."""
    old, new = f"old.{domain}", f"new.{domain}"
    assert certbot.run("certonly", *handler(scripts.native), *names(old)).returncode == 0
    assert certbot.run("certonly", *handler_for_both(scripts.native), *names(new)).returncode == 0
    (deploy,) = scripts.calls("deploy_cert")
    assert deploy.env["cbot_lineage"] == new
    scripts.forget()
    changed = certbot.run(*RENEW_NOW, "--cert-name", old, "-i", "external-auth")
    assert changed.returncode == 0, changed
    assert notices(scripts) == ["deploy_cert"]


@pytest.mark.versions
@pytest.mark.parametrize("verb", ["run", "certonly", "renew"])
def test_failed_deployment_fails_and_is_tried_again(certbot: Certbot, scripts: Hooks, domain: str, verb: str) -> None:
    """Guards against: a server that keeps its old certificate until it expires, with no failure reported."""
    words = (*handler_for_both(scripts.native), *names(domain))
    if verb == "renew":
        assert certbot.run("run", *words).returncode == 0
        failed = certbot.run(*RENEW_NOW, env=FAILING)
    else:
        failed = certbot.run(verb, *words, env=FAILING)
    assert failed.returncode == 1, failed
    for expected in (scripts.native, "deploy_cert", domain, "exit code 3", "quota exceeded"):
        assert expected in failed.stderr
    assert "Traceback" not in failed.stderr
    assert certbot.live(domain).exists()
    live = certificates.sha256(certbot.live(domain))

    scripts.forget()
    still = certbot.run(*RENEW, "-q", env=FAILING)
    assert still.returncode == 1
    assert scripts.operations == ["deploy_cert"]

    scripts.forget()
    mended = certbot.run(*RENEW, "-q")
    assert (mended.returncode, mended.stderr) == (0, "")
    assert scripts.operations == ["deploy_cert"]
    assert scripts.calls()[0].env["cbot_sha256"] == live

    scripts.forget()
    assert certbot.run(*RENEW, "-q").returncode == 0
    assert scripts.operations == ["unchanged_cert"]


def test_install_mends_a_failed_deployment(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: advice of Certbot after such a failure that does not work."""
    failed = certbot.run("run", *handler_for_both(scripts.native), *names(domain), env=FAILING)
    assert failed.returncode == 1
    words = ("-n", "-i", "external-auth", "--external-auth-handler", scripts.native)
    assert certbot.run("install", *words, "--cert-name", domain).returncode == 0
    scripts.forget()
    assert certbot.run(*RENEW, "-q").returncode == 0
    assert scripts.operations == ["unchanged_cert"]


def printed(stderr: str) -> str:
    """The command by which a deployment that failed is said to be done again."""
    (found,) = set(re.findall(r"do it now: (certbot install .*)", stderr))
    return found


def pasted(certbot: Certbot, command: str) -> None:
    """Typed into a shell, in another folder."""
    ended = subprocess.run(["sh", "-c", command], env=certbot.environment, cwd="/", capture_output=True, text=True)
    assert ended.returncode == 0, ended


@pytest.mark.versions
def test_the_printed_command_does_what_has_failed(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a printed command that reports success and deploys nothing."""
    failed = certbot.run("run", *handler_for_both(scripts.dehydrated, *DEHYDRATED), *names(domain), env=FAILING)
    assert failed.returncode == 1
    scripts.forget()
    pasted(certbot, printed(failed.stderr))
    (deploy,) = scripts.calls(*NOTICES)
    assert (deploy.operation, deploy.argv[1]) == ("deploy_cert", domain)
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW, env=FAILING)
    # Nothing is typed at a renewal, so the lineage's own handler has to be found.
    assert "external-auth-handler" not in printed(renewed.stderr)
    scripts.forget()
    pasted(certbot, printed(renewed.stderr))
    assert notices(scripts) == ["deploy_cert"]
    scripts.forget()
    assert certbot.run(*RENEW, "-q").returncode == 0
    assert notices(scripts) == ["unchanged_cert"]


def test_install_takes_what_the_lineage_keeps(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: an `install` without the handler's options that deploys nothing."""
    failed = certbot.run("run", *handler_for_both(scripts.native), *names(domain), env=FAILING)
    assert failed.returncode == 1
    scripts.forget()
    bare = ("install", "-n", "-i", "external-auth", "--cert-name", domain)
    by_hand = certbot.run(*bare, "--external-auth-mode", "manual")
    assert by_hand.returncode == 0, by_hand
    assert scripts.operations == []
    # What a person was told is not what the handler has done.
    assert certbot.run(*RENEW, "-q", env=FAILING).returncode == 1
    assert scripts.operations == ["deploy_cert"]

    scripts.forget()
    assert certbot.run(*bare, "--external-auth-handler", scripts.dehydrated, *DEHYDRATED).returncode == 0
    assert scripts.calls("deploy_cert")[0].argv[2:6] == [
        str(certbot.live(domain, file)) for file in ("privkey", "cert", "fullchain", "chain")
    ]
    for words in (bare, ("run", "-n", "-a", "webroot", "-w", "/", "-i", "external-auth", "--reinstall", "-d", domain)):
        scripts.forget()
        result = certbot.run(*words)
        assert result.returncode == 0, result
        assert scripts.operations == ["deploy_cert"]
        assert scripts.calls()[0].stdin


def test_one_failing_lineage_does_not_stop_the_next(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: one failed deployment that stops all others."""
    first, second = f"a.{domain}", f"b.{domain}"
    for name in (first, second):
        assert certbot.run("certonly", *handler_for_both(scripts.native), *names(name)).returncode == 0
    scripts.forget()
    result = certbot.run(*RENEW_NOW, env={"FAIL_AT": f"deploy_cert:{first}"})
    assert result.returncode == 1
    assert [call.env["cbot_lineage"] for call in scripts.calls("deploy_cert")] == [first, second]
    scripts.forget()
    assert certbot.run(*RENEW).returncode == 0
    assert [(call.operation, call.env["cbot_lineage"]) for call in scripts.calls(*NOTICES)] == [
        ("deploy_cert", first),
        ("unchanged_cert", second),
    ]


def test_handler_that_declines_to_deploy_is_not_a_failure(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure of `--configurator` with a script that only publishes."""
    result = certbot.run("run", *handler_for_both(scripts.path("knows-little.sh")), *names(domain))
    assert result.returncode == 0, result
    assert certbot.run(*RENEW, "-q").returncode == 0


def test_failing_notice_of_no_change_is_only_a_warning(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: failing renewals, because a hook fails at `unchanged_cert`."""
    assert certbot.run("run", *handler_for_both(scripts.native), *names(domain)).returncode == 0
    result = certbot.run(*RENEW, env={"FAIL_AT": "unchanged_cert"})
    assert result.returncode == 0, result
    assert "unchanged_cert" in result.stderr


def test_a_handler_that_takes_no_certificate_is_named_once(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Lost: the new certificate, behind Certbot's congratulations and an exit code of 0; with -q, without a word."""
    inner = scripts.native
    hook = scripts.write("unknowing.sh", f'#!/bin/sh\ncase $1 in\nperform | cleanup) exec {inner} "$@" ;;\nesac\n')
    result = certbot.run("run", *handler_for_both(hook), *names(domain))
    assert result.returncode == 0, result
    quiet = certbot.run(*RENEW_NOW, "-q")
    assert quiet.returncode == 0, quiet
    for each in (result, quiet):
        assert each.stderr.count(f"The handler {hook} does not seem to know deploy_cert") == 1, each
