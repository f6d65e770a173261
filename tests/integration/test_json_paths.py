"""Backend json, protocol 1: the lines on every path a run can take, also where it ends early."""

from __future__ import annotations

import copy
import json
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from certbot_external_auth.client import Challenge, Cleanup, Request, RunFailedError
from tests.integration.test_client import ALONE, go_through, session, work
from tests.support import certificates, purity, schemas
from tests.support.certbot import Certbot
from tests.support.drivers import Publisher, answer, refusal
from tests.support.front import Answer, Front
from tests.support.json_driver import Send
from tests.support.purity import Line
from tests.support.testca import BLOCKED, TestCA
from tests.support.words import BOTH, JSON, RENEW_NOW, names

BATCH = ["perform_challenge", "await", "result", "cleanup"]
SEEN = ["perform_challenge", "await", "visibility", "result", "cleanup"]


@pytest.fixture
def publisher(ca: TestCA, webroot_folder: Path) -> Publisher:
    return Publisher(ca, webroot_folder)


def test_refusal_of_the_order_is_told_with_the_problem(certbot: Certbot, publisher: Publisher) -> None:
    """Guards against: a driver that cannot tell a refused name, a rate limit and a refused account apart."""
    result = certbot.drive("certonly", *JSON, *names(BLOCKED), policy=publisher)
    assert result.returncode == 1
    assert result.commands == ["hello", "error", "summary"]
    (error,) = result.of("error")
    assert error["code"] == "ca.refused"
    assert error["problem"]["type"] == "urn:ietf:params:acme:error:rejectedIdentifier"
    assert BLOCKED in error["problem"]["detail"]


class Refusing(Front):
    """Answers requests to one place in its own way."""

    def __init__(self, ca: TestCA, place: str, status: int, body: Mapping[str, object]) -> None:
        super().__init__(ca, ca.directory)
        self._place, self._status, self._body = place, status, body

    def after(self, url: str, request: bytes, answer: Answer) -> Answer:
        if self._place not in url:
            return answer
        kept = [(name, value) for name, value in answer.headers if name.lower() != "content-type"]
        kind = "application/json" if self._status < 400 else "application/problem+json"
        return Answer(self._status, [*kept, ("Content-Type", kind)], json.dumps(self._body).encode())


PROBLEM = {"type": "urn:ietf:params:acme:error:badCSR", "detail": "this key is weak"}


@pytest.mark.parametrize(
    ("place", "status", "body"),
    [("/finalize-order/", 403, PROBLEM), ("/my-order/", 200, {"status": "invalid", "error": PROBLEM})],
)
def test_refusal_at_the_end_of_the_order(
    certbot: Certbot, publisher: Publisher, ca: TestCA, domain: str, place: str, status: int, body: Mapping[str, object]
) -> None:
    """By a problem document, and by an order that becomes invalid. Lost: the reason, after all names were proven."""
    with Refusing(ca, place, status, body).at(ca.free_port()) as directory:
        certbot.ca = copy.copy(ca)
        certbot.ca.directory = directory
        result = certbot.drive("certonly", *JSON, *names(domain), policy=publisher)
    assert result.returncode == 1
    assert result.commands == ["hello", *SEEN, "error", "summary"], result
    assert [line["status"] for line in result.of("result")] == ["valid"]
    (error,) = result.of("error")
    assert (error["code"], error["problem"]) == ("ca.refused", PROBLEM)
    assert "this key is weak" in error["message"]
    assert (result.lines[-1]["ok"], result.lines[-1]["lineages"]) == (False, [])


def test_no_account(certbot: Certbot, publisher: Publisher, domain: str, tmp_path: Path) -> None:
    """One that the CA gives to nobody, and one that was deleted here. Lost: which of the two it is."""
    assert certbot.drive("certonly", *JSON, *names(domain), policy=publisher).returncode == 0
    shutil.rmtree(certbot.config_dir / "accounts")
    renewed = certbot.drive(*RENEW_NOW, "-q", policy=publisher)
    assert renewed.returncode == 1
    assert renewed.commands == ["hello", "error", "error", "summary"], renewed
    first, last = renewed.of("error")
    assert (first["code"], first["lineage"]) == ("certbot.failed", domain)
    assert "ccount" in first["message"]
    assert last["code"] == "certbot.failed"
    with TestCA(
        external_accounts={"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
    ) as closed:
        stranger = Certbot(tmp_path / "stranger", closed)
        result = stranger.drive("certonly", *JSON, *names(domain), policy=publisher)
    assert result.returncode == 1
    assert result.commands == ["hello", "error", "summary"], result
    assert result.of("error")[0]["code"] == "certbot.failed"
    assert "external account" in result.of("error")[0]["message"]


def test_certificate_that_is_not_taken(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """At the first time, and by `install`. Lost: that the certificate is there, and what is wrong is the server."""
    words = ("-n", *BOTH, "--external-auth-mode", "json")

    def broken(line: Line, send: Send) -> None:
        if line["cmd"] == "deploy_cert":
            answer(send, **refusal(line, "server.down", "no connection to web1"))
        else:
            publisher(line, send)

    issued = certbot.drive("run", *words, *names(domain), policy=broken)
    installed = certbot.drive("install", *words, "--cert-name", domain, policy=broken)
    unknown = certbot.drive("install", *words, "--cert-name", f"b.{domain}", policy=broken)
    assert [one.returncode for one in (issued, installed, unknown)] == [1, 1, 1]
    for one in (issued, installed):
        assert [line["code"] for line in one.of("error")] == ["answer.refused", "deploy.failed"], one
        assert one.commands[-1] == "summary"
        (lineage,) = one.lines[-1]["lineages"]
        assert (lineage["name"], lineage["deploy_pending"]) == (domain, True)
    assert unknown.commands == ["hello", "error", "summary"]
    assert unknown.of("error")[0]["code"] == "certbot.failed"


def test_folders_locked_by_another_run(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: no reason why nothing happened, and no advice to try again."""
    words = ("certonly", *JSON, *names(f"b.{domain}"))
    second: list[Line] = []

    def start_another(line: Line, send: Send) -> None:
        if line["cmd"] == "await":
            ended = subprocess.run(
                certbot.command(words), env=certbot.environment, capture_output=True, stdin=subprocess.DEVNULL
            )
            second.extend(purity.check(ended.stdout, 1, ended.returncode, words))
        publisher(line, send)

    assert certbot.drive("certonly", *JSON, *names(domain), policy=start_another).returncode == 0
    assert [line["cmd"] for line in second] == ["hello", "error", "summary"]
    assert second[1]["code"] == "certbot.locked"


def test_ca_that_goes_away(tmp_path: Path) -> None:
    """The driver must learn that nothing was issued and everything is withdrawn."""
    with TestCA() as ca:
        certbot = Certbot(tmp_path / "host", ca)
        withdrawn = []

        def stop_before_the_end(request: Request) -> None:
            assert schemas.complaint(request.line, 1) is None
            if isinstance(request, Challenge):
                work(ca, request)
            elif isinstance(request, Cleanup):
                withdrawn.append(request.id)
                ca.stop()
                request.done()

        found = session(certbot, "certonly", *ALONE, *names("w.example"))
        with pytest.raises(RunFailedError) as finalizing:
            go_through(found, stop_before_the_end)
        with pytest.raises(RunFailedError) as starting:
            go_through(session(certbot, "certonly", *ALONE, *names("w.example")), stop_before_the_end)
    assert withdrawn == ["c1"]
    assert [line["status"] for line in found.results.values()] == ["valid"]
    for error in (finalizing.value, starting.value):
        assert [line["code"] for line in error.errors] == ["ca.unreachable"]
        assert schemas.complaint(error.errors[0], 1) is None
        assert error.summary["lineages"] == []
    assert not certbot.live("w.example").exists()


def test_renewal_tells_which_certificate_failed_and_goes_on(
    certbot: Certbot, publisher: Publisher, domain: str
) -> None:
    """Guards against: a failed name among many that only a log mentions."""
    lineages = [f"{letter}.{domain}" for letter in "abc"]
    for name in lineages:
        assert certbot.drive("certonly", *JSON, *names(name), policy=publisher).returncode == 0
    before = {name: certificates.serial(certbot.live(name)) for name in lineages}
    # This one fails for a reason that the plugin never hears of.
    path = certbot.renewal_path(lineages[2])
    path.write_text(path.read_text().replace("key_type = ", "preferred_chain = x\nkey_type = unknown-"))
    refused: list[str] = []

    def picky(line: Line, send: Send) -> None:
        if line["cmd"] == "perform_challenge" and line["domain"] == lineages[1]:
            refused.append(line["id"])
        if line["cmd"] == "await" and set(line["ids"]) & set(refused):
            answer(send, **refusal({"id": refused[0]}, "dns.gone", "this zone was sold"))
        else:
            publisher(line, send)

    result = certbot.drive(*RENEW_NOW, "-q", policy=picky)
    assert result.returncode == 1
    failed = {line["lineage"]: line["code"] for line in result.of("error") if "lineage" in line}
    assert failed == {lineages[1]: "challenge.not_published", lineages[2]: "certbot.failed"}
    assert [one["name"] for one in result.lines[-1]["lineages"]] == [lineages[0]]
    assert certificates.serial(certbot.live(lineages[0])) != before[lineages[0]]
    assert certificates.serial(certbot.live(lineages[1])) == before[lineages[1]]


def test_control_c_withdraws_and_sums_up(certbot: Certbot, publisher: Publisher, ca: TestCA, domain: str) -> None:
    """Guards against: records that stay each time a person interrupts a run."""

    def interrupt(line: Line, send: Send) -> None:
        if line["cmd"] == "await":
            certbot.terminate(signal.SIGINT)
        else:
            publisher(line, send)

    result = certbot.drive("certonly", *JSON, *names(domain), policy=interrupt)
    assert result.returncode == 1, result
    assert result.commands == ["hello", *BATCH, "error", "summary"]
    assert result.of("error")[0]["code"] == "certbot.interrupted"
    assert ca.txt(f"_acme-challenge.{domain}") == []


@pytest.mark.parametrize("moment", ["await", "visibility"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signal_withdraws_and_sums_up(
    certbot: Certbot, publisher: Publisher, ca: TestCA, domain: str, number: signal.Signals, moment: str
) -> None:
    """While a driver publishes, and while the plugin looks. Lost: records, each time a job is cancelled."""

    sent = False

    def cancel(line: Line, send: Send) -> None:
        nonlocal sent
        if line["cmd"] == moment and not sent:
            certbot.terminate(number)
            sent = True
        elif line["cmd"] != "perform_challenge":
            publisher(line, send)

    result = certbot.drive("certonly", *JSON, *names(domain), policy=cancel)
    assert result.returncode == -number, result
    assert result.commands[:1] == ["hello"]
    assert result.commands[-4:] == ["result", "cleanup", "error", "summary"]
    assert [line["status"] for line in result.of("result")] == ["not_asked"]
    assert result.of("error")[0]["code"] == "certbot.interrupted"
    assert result.lines[-1]["ok"] is False


@pytest.mark.parametrize("moments", [("cleanup",), ("await", "cleanup"), ("await", "await", "result", "cleanup")])
def test_signal_in_cleanup_is_summed_up(
    certbot: Certbot, publisher: Publisher, ca: TestCA, domain: str, moments: tuple[str, ...]
) -> None:
    """Certbot puts it off, and then nobody takes it. Lost: the last lines, and with them how it ended."""

    def cancel(line: Line, send: Send) -> None:
        for _ in range(moments.count(line["cmd"])):
            certbot.terminate(signal.SIGHUP)
        if line["cmd"] not in moments or line["cmd"] == "cleanup":
            publisher(line, send)

    result = certbot.drive("certonly", *JSON, *names(domain), policy=cancel)
    assert result.returncode == -signal.SIGHUP, result
    assert result.commands[-4:] == ["result", "cleanup", "error", "summary"]
    assert "SIGHUP" in result.of("error")[0]["message"]
    assert ca.txt(f"_acme-challenge.{domain}") == []


def test_names_left_out_are_a_second_batch(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a driver that ends after the first batch."""
    good, bad = f"good.{domain}", f"bad.{domain}"

    def careless(line: Line, send: Send) -> None:
        if not (line["cmd"] == "perform_challenge" and line["domain"] == bad):
            publisher(line, send)

    words = (*JSON, "--allow-subset-of-names", "--external-auth-verify", "off", *names(good, bad))
    result = certbot.drive("certonly", *words, policy=careless)
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(good)) == [good]
    first, second = result.of("await")
    assert len(first["ids"]) == 2
    assert len(second["ids"]) == 1
    assert {line["status"] for line in result.of("result") if line["id"] in second["ids"]} == {"valid"}
    assert {line["id"] for line in result.of("cleanup")} == {*first["ids"], *second["ids"]}


def test_dry_run_and_request_file(certbot: Certbot, publisher: Publisher, domain: str, tmp_path: Path) -> None:
    """Guards against: a deployment in the two kinds of run that keep no certificate."""
    both = ("-n", "--configurator", "external-auth", "--external-auth-mode", "json")
    dry = certbot.drive("certonly", *both, "--dry-run", *names(domain), policy=publisher)
    assert dry.returncode == 0, dry
    assert dry.commands == ["hello", *SEEN, "summary"]
    assert dry.lines[-1]["lineages"] == []
    request = certificates.request(tmp_path / "request.pem", [domain])
    signed = certbot.drive("certonly", *both, "--csr", str(request), policy=publisher)
    assert signed.returncode == 0, signed
    assert signed.commands[:6] == ["hello", *SEEN]
    assert signed.lines[-1]["ok"] is True
    assert certificates.names(certbot.cwd / "0000_cert.pem") == [domain]
