"""A handler that publishes as an unprivileged user, from the order to the renewal, and after a kill."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from certbot_external_auth.providers.acme_sh import PROGRAM
from tests.support import acme_sh
from tests.support.another_user import NAME, open_to_all
from tests.support.certbot import Certbot
from tests.support.hooks import SOURCE
from tests.support.powerdns import powerdns
from tests.support.recover import journal, recover
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, RENEW_NOW, handler, handler_for_both, names

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
RUN_AS = ("--external-auth-run-as", NAME)


class Handler:
    """A handler where every user can start it. :ivar record: what it has written down, which every user may do."""

    def __init__(self, folder: Path) -> None:
        self.path = str(shutil.copy(SOURCE / "publishes-with-curl.sh", folder))
        self.record = folder / "record"
        self.record.touch()
        self.record.chmod(0o666)

    def calls(self) -> list[str]:
        return self.record.read_text().splitlines()


@pytest.fixture
def publishing(open_folder: Path, certbot: Certbot) -> Handler:
    found = Handler(open_folder)
    certbot.environment["RECORD"] = str(found.record)
    return found


def test_publishing_as_a_user_and_deploying_as_root_at_issue_and_renewal(
    certbot: Certbot, publishing: Handler, ca: TestCA, domain: str
) -> None:
    """Guards against: an unprivileged script that publishes at the first time only, or that cannot read the key."""
    # Debian's `nobody` must not enter it, as it is with root's home.
    certbot.cwd.chmod(0o700)
    result = certbot.run("run", *handler_for_both(publishing.path, *RUN_AS), *names(domain))
    assert result.returncode == 0, result
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    once = [f"{name} {NAME} /nonexistent" for name in ("pre-perform", "perform", "post-perform")]
    once += [f"{name} {NAME} /nonexistent" for name in ("pre-cleanup", "cleanup", "post-cleanup")]
    once += [f"deploy_cert root {certbot.folder}"]
    assert publishing.calls() == once * 2
    assert ca.txt(f"_acme-challenge.{domain}") == []


def test_what_a_killed_run_left_is_withdrawn_as_the_same_user(
    certbot: Certbot, publishing: Handler, ca: TestCA, domain: str
) -> None:
    words = ("certonly", *handler(publishing.path, *RUN_AS, "--external-auth-timeout", "2"), *names(domain))
    with certbot.started(words, env={"HANGS": "1"}) as process:
        deadline = time.monotonic() + 60
        while "published" not in publishing.calls():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.wait()
    assert ca.txt(f"_acme-challenge.{domain}")
    publishing.record.write_text("")
    assert f"call --run-as {NAME} -- env " in recover(certbot, "--list").stdout
    assert recover(certbot).returncode == 0
    assert publishing.calls() == [f"{name} {NAME} /nonexistent" for name in ("pre-cleanup", "cleanup", "post-cleanup")]
    assert (ca.txt(f"_acme-challenge.{domain}"), journal(certbot)) == ([], [])


def test_what_the_user_cannot_do_is_said_before_the_order(
    certbot: Certbot, publishing: Handler, tmp_path: Path, domain: str
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inside = shutil.copy(publishing.path, closed)
    result = certbot.run("certonly", *handler(inside, *RUN_AS), *names(domain))
    assert (result.returncode, result.ordered) == (1, False)
    assert f"--external-auth-run-as: the user {NAME} cannot enter " in result.stderr
    result = certbot.run(
        *("certonly", *handler(publishing.path, *RUN_AS), *names(domain), "--preferred-challenges", "tls-alpn-01")
    )
    assert (result.returncode, result.ordered) == (1, False)
    assert "whose user cannot read keys of TLS challenges, supports only dns-01, http-01" in " ".join(
        result.stderr.split()
    )


@pytest.mark.long
@acme_sh.needed
@pytest.mark.skipif(not open_to_all(PROGRAM.parent), reason="other users cannot read this checkout")
def test_a_provider_publishes_as_a_user(open_folder: Path, tmp_path: Path) -> None:
    """Guards against: an engine that works for root only."""
    home = shutil.copytree(acme_sh.HOME, open_folder / "acme.sh")
    with powerdns("example.test") as dns, TestCA(dns_server=dns.server) as ca:
        certbot = Certbot(tmp_path / "host", ca)
        secrets = tmp_path / "pdns.env"
        settings = {"PDNS_Url": dns.api, "PDNS_ServerId": "localhost", "PDNS_Token": dns.key}
        secrets.write_text("".join(f"{name}={value}\n" for name, value in {**settings, "LE_WORKING_DIR": home}.items()))
        secrets.chmod(0o600)
        provider = ("--external-auth-provider", "acme.sh:pdns", "--external-auth-env-file", str(secrets))
        result = certbot.run("certonly", "-n", *AUTHENTICATOR, *provider, *RUN_AS, *names("example.test"))
        assert result.returncode == 0, result
        assert "add example.test" in result.log
        assert dns.txt("_acme-challenge.example.test") == []
