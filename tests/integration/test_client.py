"""The client with real Certbots: the requests that it hands over, and how it reports a failed run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from certbot_external_auth.client import (
    Challenge,
    Cleanup,
    CrashedError,
    Deployment,
    ProtocolError,
    Request,
    RunFailedError,
    Session,
    SessionError,
    UsageError,
)
from tests.support import certificates, schemas
from tests.support.certbot import Certbot
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, names

BOTH = ("--configurator", "external-auth")
ALONE = ("-a", "external-auth")


def session(certbot: Certbot, *words: str) -> Session:
    command = certbot.command(words)
    # The interpreter and the script, then what is Certbot's.
    start = 3 if command[1] == "-c" else 2
    return Session(command[start:], command[:start], certbot.environment, subprocess.DEVNULL)


def work(ca: TestCA, request: Request) -> None:
    assert schemas.complaint(request.line, 1) is None
    if isinstance(request, Challenge):
        assert request.txt_domain is not None
        ca.add_txt(request.txt_domain, request.validation)
    elif isinstance(request, Cleanup):
        assert request.challenge.txt_domain is not None
        ca.clear_txt(request.challenge.txt_domain)
    request.done()


def test_challenges_cleanups_and_deployments(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against a client that needs more than a loop of five lines."""
    kinds = []
    with session(certbot, "certonly", *BOTH, *names(domain, f"*.{domain}")) as found:
        for request in found:
            kinds.append(type(request))
            if isinstance(request, Challenge):
                # The batch is whole at the first of them.
                assert request.validation in found.batch["txt"][f"_acme-challenge.{domain}"]
                assert len(found.batch["ids"]) == 2
                request.wait(600)
            if isinstance(request, Cleanup):
                assert found.results[request.id]["status"] == request.status == "valid"
            if isinstance(request, Deployment):
                assert request.domains == [domain, f"*.{domain}"]
                assert request.lineage == domain
                assert Path(request.key_path).exists()
            work(ca, request)
    assert kinds == [Challenge, Challenge, Cleanup, Cleanup, Deployment]
    assert found.returncode == 0
    assert found.summary is not None
    assert found.summary["lineages"][0]["deployed"] is True

    before = certificates.serial(certbot.live(domain))
    certbot.after_run()
    with session(certbot, *RENEW_NOW) as renewal:
        for request in renewal:
            work(ca, request)
    assert certificates.serial(certbot.live(domain)) != before


def go_through(found: Session, work: Callable[[Request], None]) -> None:
    with found:
        for request in found:
            work(request)


def test_refusal_is_an_exception_with_the_lines(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against an exception without the reason."""
    found = session(certbot, "certonly", *ALONE, *names(domain))

    def refuse(request: Request) -> None:
        if isinstance(request, Challenge):
            request.fail("dns.full", "no room in the zone")
        else:
            work(ca, request)

    with pytest.raises(RunFailedError, match="no room") as raised:
        go_through(found, refuse)
    error = raised.value
    assert error.returncode == 1
    assert [line["code"] for line in error.errors] == ["answer.refused", "challenge.not_published"]
    assert error.line == error.errors[-1]
    assert error.summary["ok"] is False
    assert [line["error"]["type"] for line in found.results.values()] == ["dns.full"]


def test_what_goes_wrong_in_the_loop_ends_certbot(certbot: Certbot, domain: str) -> None:
    """Guards against a Certbot that waits an hour for a program that has failed."""

    def fail(request: Request) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        go_through(session(certbot, "certonly", *ALONE, *names(domain)), fail)
    with pytest.raises(SessionError, match="closed before"), session(certbot, "certonly", *ALONE, *names(domain)):
        pass


def test_crash_and_other_protocols_are_not_taken_for_success(certbot: Certbot, domain: str) -> None:
    """Guards against taking a run without a certificate for one with a certificate."""
    doomed = session(certbot, "certonly", *ALONE, *names(domain))

    def kill(request: Request) -> None:
        assert doomed._process is not None
        doomed._process.kill()

    with pytest.raises(CrashedError) as crashed:
        go_through(doomed, kill)
    assert crashed.value.returncode == -9
    old = ("--external-auth-protocol", "0")
    with pytest.raises(ProtocolError) as refused:
        go_through(session(certbot, "certonly", *ALONE, *old, *names(domain)), kill)
    assert refused.value.line is not None
    with pytest.raises(UsageError, match="arguments"):
        go_through(session(certbot, "certonly", "--no-such-flag"), kill)


def test_a_plugin_that_certbot_cannot_choose_is_a_failure(certbot: Certbot, domain: str) -> None:
    """Guards against losing the reason, which is on stderr only; `summary.ok` is true then."""
    with pytest.raises(RunFailedError, match="see its stderr") as failed:
        go_through(session(certbot, "run", *ALONE, "-i", "absent", *names(domain)), Request.done)
    assert failed.value.returncode == 1


def test_client_needs_nothing_of_certbot() -> None:
    """Guards against a module that cannot be copied to another machine or environment."""
    program = (
        "import sys\nimport certbot_external_auth.client\n"
        "assert not {'certbot', 'acme', 'zope'} & {name.partition('.')[0] for name in sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
