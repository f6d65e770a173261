"""Two steps: `begin` returns with the batch while Certbot waits in the background, `finish` sees it to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.testca import TestCA
from tests.support.two_steps import Tool
from tests.support.words import RENEW_NOW, names


def test_issue_and_renew(tool: Tool, certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against: no certificates for tools that run one task after the other."""
    begun = tool.begin("certonly", *names(domain, f"*.{domain}"))
    assert (begun.code, begun["state"]) == (0, "waiting"), begun
    record = f"_acme-challenge.{domain}"
    assert list(begun["txt"]) == [record]
    assert [one["identifier"] for one in begun["challenges"]] == [domain, domain]
    ours = [certbot.work_dir / "external-auth", *(certbot.work_dir / "external-auth").glob("sessions/**")]
    assert [oct(path.stat().st_mode & 0o077) for path in ours] == ["0o0"] * len(ours)
    status = tool.run("status", begun["session"])
    assert (status.code, status["state"], status["txt"]) == (0, "waiting", begun["txt"])
    tool.publish(begun)
    done = tool.run("finish", begun["session"])
    assert (done.code, done["state"]) == (0, "done"), done
    [one] = done["certificates"]
    assert (one["name"], one["changed"], sorted(one["domains"])) == (domain, True, sorted([domain, f"*.{domain}"]))
    assert one["cert_path"] == str(certbot.live(domain))
    assert done["remove"]["txt"] == begun["txt"]
    tool.remove(done)
    serial = certificates.serial(certbot.live(domain))
    # The deadline is that of a session, and no renewal's.
    assert "ack_timeout" not in certbot.renewal(domain)

    # Run again by a pipeline that was cut off, it says the same.
    again = tool.run("finish", begun["session"])
    assert (again.code, again["certificates"]) == (0, done["certificates"])

    renewing = tool.begin(*RENEW_NOW)
    assert renewing["state"] == "waiting", renewing
    tool.publish(renewing)
    renewed = tool.run("finish", renewing["session"])
    assert (renewed.code, renewed["certificates"][0]["changed"]) == (0, True), renewed
    assert certificates.serial(certbot.live(domain)) != serial
    tool.remove(renewed)

    nothing = tool.begin("certonly", *names(domain, f"*.{domain}"))
    assert (nothing.code, nothing["state"]) == (3, "nothing_due"), nothing
    assert [(one["name"], one["changed"]) for one in nothing["certificates"]] == [(domain, False)]


def test_every_lineage_of_a_renewal_is_a_batch(tool: Tool, domain: str) -> None:
    """Guards against: a renewal of the first certificate only."""
    for name in (domain, f"b.{domain}"):
        begun = tool.begin("certonly", *names(name))
        tool.publish(begun)
        assert tool.run("finish", begun["session"]).code == 0
        tool.ca.clear_txt(f"_acme-challenge.{name}")
    first = tool.begin(*RENEW_NOW)
    tool.publish(first)
    second = tool.run("finish", first["session"])
    assert (second.code, second["state"]) == (9, "more"), second
    assert second["remove"]["txt"] == first["txt"]
    assert list(second["txt"]) != list(first["txt"])
    tool.publish(second)
    done = tool.run("finish", first["session"])
    assert (done.code, done["state"]) == (0, "done")
    assert [one["changed"] for one in done["certificates"]] == [True, True]
    for name in (domain, f"b.{domain}"):
        tool.ca.clear_txt(f"_acme-challenge.{name}")


@pytest.mark.parametrize("words", [["--external-auth-protocol", "0"], ["-a", "certbot-external-auth:out"]])
def test_who_speaks_protocol_0_elsewhere(tool: Tool, certbot: Certbot, domain: str, words: list[str]) -> None:
    """Guards against: verbs that fail for every session, because lines of protocol 0 have no id."""
    begun = tool.begin("certonly", *words, *names(domain))
    assert (begun.code, begun["state"], list(begun["txt"])) == (0, "waiting", [f"_acme-challenge.{domain}"]), begun
    tool.publish(begun)
    done = tool.run("finish", begun["session"])
    assert (done.code, done["state"]) == (0, "done"), done
    tool.remove(done)


def test_the_ca_refuses(tool: Tool, domain: str) -> None:
    begun = tool.begin("certonly", *names(domain))
    refused = tool.run("finish", begun["session"])
    assert (refused.code, refused["state"]) == (4, "refused"), refused
    [problem] = refused["problems"]
    assert problem["id"] == begun["challenges"][0]["id"]
    assert problem["type"].startswith("urn:ietf:params:acme:error:")
    assert domain in refused["message"]
    assert problem["detail"][:20] in refused["message"]
    assert refused["remove"]["txt"] == begun["txt"]


def test_something_could_not_be_published(tool: Tool, certbot: Certbot, domain: str) -> None:
    begun = tool.begin("certonly", *names(domain))
    wrong = tool.run("finish", begun["session"], "--failed", "c99")
    assert (wrong.code, wrong.document) == (2, {})
    assert "--failed c99: the batch has c1." in wrong.stderr
    failed = tool.run("finish", begun["session"], "--failed", begun["challenges"][0]["id"], "--message", "zone is full")
    assert (failed.code, failed["state"]) == (1, "failed"), failed
    assert any("zone is full" in error["message"] for error in failed["errors"])
    # For a tool that shows one line.
    assert "zone is full" in failed["message"]


def test_one_session_at_a_time(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Also: Certbot's own lock, held by somebody who is no session."""
    begun = tool.begin("certonly", *names(domain))
    second = tool.begin("certonly", *names(f"b.{domain}"))
    assert (second.code, second["state"], second["open"]) == (8, "locked", begun["session"])
    assert second["until"] == begun["deadline"]
    assert begun["deadline"] in second["message"]
    assert certbot.run("certificates").returncode == 1
    listed = tool.run("status")["sessions"]
    assert [(one["session"], one["state"]) for one in listed] == [(begun["session"], "waiting")]
    aborted = tool.run("abort", begun["session"])
    assert (aborted.code, aborted["remove"]["txt"]) == (0, begun["txt"]), aborted
    assert certbot.run("certificates").returncode == 0


def test_certbots_lock_is_held_by_another(tool: Tool, certbot: Certbot, domain: str) -> None:
    certbot.config_dir.mkdir(exist_ok=True)
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    words = [sys.executable, "-c", code, str(certbot.config_dir / ".certbot.lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        begun = tool.begin("certonly", *names(domain))
        holder.communicate(b"\n")
    assert (begun.code, begun["state"]) == (8, "locked"), begun


def test_certbot_dies(tool: Tool, domain: str) -> None:
    begun = tool.begin("certonly", *names(domain))
    os.kill(tool.process(begun["session"]), signal.SIGKILL)
    lost = tool.run("finish", begun["session"])
    assert (lost.code, lost["state"]) == (7, "lost"), lost
    assert list(lost["remove"]["txt"]) == [f"_acme-challenge.{domain}"]


def test_what_cannot_begin(tool: Tool, domain: str) -> None:
    for words, named in (["certificates"], "certificates"), (["delete", "--cert-name", "run"], "delete"), ([], ""):
        refused = tool.run("begin", "--", *words)
        assert (refused.code, refused.document) == (2, {})
        assert "a verb of Certbot is needed" in refused.stderr
        assert f"not {named}" in refused.stderr or not named
    wrong = tool.begin("certonly", *names(domain), "--no-such-flag")
    assert (wrong.code, wrong["state"]) == (1, "failed")
    assert "--no-such-flag" in wrong["output"]
    for verb in ("finish", "status", "abort"):
        for name in ("0123456789ab", "../../etc"):
            unknown = tool.run(verb, name)
            assert (unknown.code, unknown["state"]) == (6, "unknown"), unknown
