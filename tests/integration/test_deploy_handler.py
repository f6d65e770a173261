"""A command of its own takes certificates, whoever publishes: from the order to a renewal that tries again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.certbot import Certbot
from tests.support.drivers import Publisher
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, BOTH, RENEW, RENEW_NOW, handler, handler_for_both, names


def deploys(scripts: Hooks) -> list[str]:
    return [call.operation for call in scripts.calls("deploy_cert", "unchanged_cert")]


def test_a_driver_publishes_and_a_command_takes_the_certificate(
    certbot: Certbot, ca: TestCA, scripts: Hooks, webroot_folder: Path, domain: str
) -> None:
    """Guards against: a line that a driver waits for, and a failure that no line tells."""
    publisher = Publisher(ca, webroot_folder)
    words = ("-n", *BOTH, "--external-auth-mode", "json", "--external-auth-deploy-handler", scripts.native)
    failed = certbot.drive("run", *words, *names(domain), policy=publisher, env={"FAIL_AT": "deploy_cert"})
    assert failed.returncode == 1, failed
    assert failed.of("deploy_cert") == []
    assert deploys(scripts) == ["deploy_cert"]
    assert json.loads(scripts.calls("deploy_cert")[0].stdin)["lineage"] == domain
    summary = failed.lines[-1]
    (lineage,) = summary["lineages"]
    assert (summary["ok"], summary["unconfirmed"], lineage["deployed"], lineage["deploy_pending"]) == (
        *(False, []),
        *(False, True),
    )
    assert [line["code"] for line in failed.of("error")] == ["deploy.failed"]
    scripts.forget()
    # A timer renews, without a driver: nothing is due, and the command is tried again.
    again = certbot.run(*RENEW)
    assert (again.returncode, deploys(scripts)) == (0, ["deploy_cert"]), again
    scripts.forget()
    assert certbot.run(*RENEW).returncode == 0
    assert deploys(scripts) == ["unchanged_cert"]
    scripts.forget()
    renewed = certbot.drive(*RENEW_NOW, "--external-auth-mode", "json", policy=publisher)
    assert (renewed.returncode, deploys(scripts), renewed.lines[-1]["ok"]) == (0, ["deploy_cert"], True)


def test_a_handler_publishes_and_another_command_takes_the_certificate(
    certbot: Certbot, scripts: Hooks, domain: str
) -> None:
    other = scripts.write("other.sh", f'#!/bin/sh\nexec "{scripts.dehydrated}" "$@"\n')
    words = handler_for_both(scripts.dehydrated, "--external-auth-dialect", "dehydrated")
    result = certbot.run("run", *words, "--external-auth-deploy-handler", other, *names(domain))
    assert result.returncode == 0, result
    assert [call.argv[0] for call in scripts.calls("deploy_challenge", "deploy_cert")] == [
        "deploy_challenge",
        "deploy_cert",
    ]
    kept = (certbot.config_dir / "renewal" / f"{domain}.conf").read_text()
    assert f"external_auth_deploy_handler = {other}" in kept
    Path(other).unlink()
    gone = certbot.run(*RENEW_NOW)
    assert (gone.returncode, gone.ordered) == (1, False)
    assert f"{other} does not exist; correct --external-auth-deploy-handler" in " ".join(gone.stderr.split())


def test_a_command_that_nothing_calls_is_said(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    words = handler(scripts.native, "--external-auth-deploy-handler", scripts.native)
    assert AUTHENTICATOR[0] in words
    result = certbot.run("certonly", *words, *names(domain))
    assert (result.returncode, deploys(scripts)) == (0, [])
    assert "will not be called, because external-auth is not the installer" in " ".join(result.stderr.split())
