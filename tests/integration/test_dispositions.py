"""Certbots that are started as daemons, panels and containers start them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from certbot_external_auth.lineages import certificate, handed_over
from tests.integration.test_interrupts import wait_for
from tests.support.certbot import PATIENCE, Certbot
from tests.support.dispositions import as_process_one, can_be_process_one, process_one, started_with
from tests.support.hooks import Hooks
from tests.support.recover import journal, recover
from tests.support.testca import TestCA
from tests.support.words import RENEW, RENEW_NOW, handler_for_both, names


def deployed(certbot: Certbot, name: str) -> bool:
    """Whether the certificate that there is counts as handed over."""
    state = handed_over.HandedOver(str(certbot.config_dir), str(certbot.work_dir))
    return state.deployed(name) == certificate.fingerprint(str(certbot.live(name)))


def test_no_failure_is_lost_where_sigchld_is_ignored(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: exit code 0 although a record is left and a server has the old certificate."""
    certbot.before = started_with(ignored=[signal.SIGCHLD])
    result = certbot.run("run", *handler_for_both(scripts.path("fails-later.sh")), *names(domain))
    assert result.returncode == 1, result
    assert "exit code 6" in result.stderr
    assert "exit code 5" in result.stderr
    assert not deployed(certbot, domain)
    assert len(ca.txt(f"_acme-challenge.{domain}")) == 1
    (entry,) = journal(certbot)

    recovered = recover(certbot, "--json")
    assert recovered.returncode == 1
    assert recovered.document["withdrawn"] == []
    assert [one["batch"] for one in recovered.document["left"]] == [entry.name.removesuffix(".json")]
    assert len(ca.txt(f"_acme-challenge.{domain}")) == 1


ELSEWHERE = "elsewhere"
PROCESS_1 = "process 1"
CAN_BE = pytest.mark.skipif(not can_be_process_one(), reason="it needs the right to make a namespace")


def told_to_end(certbot: Certbot, scripts: Hooks, words: list[str], operation: str, where: str) -> str:
    """The stderr of a Certbot that gets SIGTERM while its handler is at work, and ends by it."""
    certbot.before = started_with() if where == ELSEWHERE else as_process_one()
    with certbot.started(words, {"HANGS_AT": operation}) as process:
        wait_for(Path(f"{scripts.record}.there").exists, operation)
        os.kill(process.pid if where == ELSEWHERE else process_one(process), signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert Path(f"{scripts.record}.told").exists()
    assert process.returncode == (-signal.SIGTERM if where == ELSEWHERE else 128 + signal.SIGTERM), stderr
    certbot.before = []
    return stderr.decode()


@CAN_BE
def test_what_is_published_is_withdrawn(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """The kernel drops what process 1 has no function for, so Certbot would go on."""
    words = ["certonly", *handler_for_both(scripts.path("hangs-at.sh")), *names(domain)]
    told_to_end(certbot, scripts, words, "perform", PROCESS_1)
    assert scripts.operations[-2:] == ["cleanup", "post-cleanup"]
    assert ca.txt(f"_acme-challenge.{domain}") == []
    assert journal(certbot) == []
    assert not certbot.live(domain).exists()


@pytest.mark.parametrize(
    ("verb", "where"),
    [
        pytest.param("run", PROCESS_1, marks=CAN_BE),
        pytest.param("renew", PROCESS_1, marks=CAN_BE),
        ("renew", ELSEWHERE),
    ],
)
def test_a_deployment_that_is_killed_is_no_success(
    certbot: Certbot, scripts: Hooks, domain: str, verb: str, where: str
) -> None:
    """Guards against: a wrong exit code as process 1, and a signal that Certbot only notes at a renewal."""
    words = ["run", *handler_for_both(scripts.path("hangs-at.sh")), *names(domain)]
    if verb == "renew":
        result = certbot.run(*words)
        assert result.returncode == 0, result
        words = list(RENEW_NOW)
    told_to_end(certbot, scripts, words, "deploy_cert", where)
    assert not deployed(certbot, domain)
    again = certbot.run(*RENEW)
    assert again.returncode == 0, again
    assert deployed(certbot, domain)
