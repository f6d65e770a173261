"""Two steps: sessions that end in other ways than by a `finish` that publishes everything."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.settings import SESSION
from tests.support import certificates, documents
from tests.support.certbot import PATIENCE, Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.two_steps import Ended, Tool
from tests.support.words import BOTH, RENEW, RENEW_NOW, handler_for_both, names


def test_the_shell_that_began_it_is_killed(tool: Tool, certbot: Certbot, domain: str, tmp_path: Path) -> None:
    """Terminal closed (SIGHUP), then its whole process group killed. Lost: what a person began before going home."""
    document = tmp_path / "document"
    begin = tool.command("begin", "--", *tool.begins("certonly", *names(domain)))
    leader, follower = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "sh", "-c", '"$@" >"$0"; echo begun; read line', str(document), *begin],
        env=tool.environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while b"begun" not in shown:
        shown += os.read(leader, 4096)
    os.close(leader)
    assert shell.wait(PATIENCE) == -signal.SIGHUP
    with pytest.raises(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    begun = Ended(0, documents.checked(document.read_text(), "begin", 0), "")
    assert begun["state"] == "waiting"
    tool.publish(begun)
    done = tool.run("finish", begun["session"])
    assert (done.code, done["state"]) == (0, "done"), done
    assert certificates.names(certbot.live(domain)) == [domain]


def test_a_program_at_the_socket_refuses_the_certificate(tool: Tool, certbot: Certbot, domain: str) -> None:
    """`finish` says so then, and the next renewal hands it over again. Lost: a server with its old certificate."""
    begun = tool.begin("run", *BOTH, *names(domain))
    tool.publish(begun)
    record = certbot.work_dir / "external-auth" / "sessions" / begun["session"] / "session.json"
    refusal = {"ok": False, "error": {"code": "server.down", "message": "no connection to web1"}}
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(json.loads(record.read_text())["socket"])
        for line in map(json.loads, client.makefile("rb")):
            if line["cmd"] in ("perform_challenge", "cleanup", "deploy_cert"):
                verdict = refusal if line["cmd"] == "deploy_cert" else {"ok": True}
                client.sendall(json.dumps({"id": line["id"], **verdict}).encode() + b"\n")
    failed = tool.run("finish", begun["session"])
    assert (failed.code, failed["state"]) == (5, "deploy_failed"), failed
    assert any("no connection to web1" in error["message"] for error in failed["errors"])
    assert [(one["name"], one["changed"]) for one in failed["certificates"]] == [(domain, True)]
    assert certbot.live(domain).exists()
    again = tool.begin(*RENEW)
    assert (again.code, again["state"]) == (0, "done"), again
    assert [line["cmd"] for line in said(certbot, again)] == ["hello", "deploy_cert", "summary"]
    # It was handed over, and there is nobody but the caller who can put it to use.
    assert [(one["name"], one["changed"]) for one in again["certificates"]] == [(domain, True)]
    idle = tool.begin(*RENEW)
    assert (idle["state"], [one["changed"] for one in idle["certificates"]]) == ("nothing_due", [False])


def said(certbot: Certbot, ended: Ended) -> list[dict[str, Any]]:
    """The lines of a session."""
    record = certbot.work_dir / "external-auth" / "sessions" / ended["session"] / "lines"
    return [json.loads(line) for line in record.read_text().splitlines()]


def test_abort_ends_a_renewal_whatever_is_left_of_it(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Guards against: folders that stay locked, so that the next certificate fails."""
    lineages = [f"{letter}.{domain}" for letter in "abc"]
    for name in lineages:
        begun = tool.begin("certonly", *names(name))
        tool.publish(begun)
        done = tool.run("finish", begun["session"])
        assert done.code == 0
        tool.remove(done)
    before = [certificates.serial(certbot.live(name)) for name in lineages]
    first = tool.begin(*RENEW_NOW)
    tool.publish(first)
    assert tool.run("finish", first["session"])["state"] == "more"
    aborted = tool.run("abort", first["session"])
    assert (aborted.code, aborted["state"]) == (0, "aborted"), aborted
    # Who comes later is told the same, and that it did not get what it wanted.
    for verb in ("status", "finish"):
        later = tool.run(verb, first["session"])
        assert (later.code, later["state"], later["remove"]) == (1, "aborted", aborted["remove"]), later
    asked = [line for line in said(certbot, first) if line["cmd"] == "await"]
    # The one that waited is told to stop, and none is asked for after it.
    assert len(asked) == 2
    # What was of the first one `finish` has told.
    assert sorted(aborted["remove"]["txt"]) == sorted(name for line in asked[1:] for name in line["txt"])
    changed = [certificates.serial(certbot.live(name)) for name in lineages]
    assert sum(old != new for old, new in zip(before, changed, strict=True)) == 1
    assert certbot.run("certificates").returncode == 0
    tool.remove(aborted)


def test_who_only_looks_is_not_kept_waiting(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Guards against: a monitor that hangs, or takes current challenges for leftovers."""
    begun = tool.begin("certonly", *names(domain))
    # The lock of `begin`, held by another one just now, is nobody else's business.
    with (certbot.work_dir / "external-auth" / "sessions" / ".beginning").open() as beginning:
        fcntl.flock(beginning, fcntl.LOCK_EX)
        status = tool.run("status", begun["session"])
        assert (status["state"], status["txt"]) == ("waiting", begun["txt"])
        assert [one["state"] for one in tool.run("status")["sessions"]] == ["waiting"]
        listed = tool.run("recover", "--list", "--json")
        assert (listed.code, listed["left"]) == (0, []), listed
        assert [[one["domain"] for one in batch["challenges"]] for batch in listed["running"]] == [[domain]]
        assert tool.run("abort", begun["session"]).code == 0


def test_a_host_without_certificates_by_lines(tool: Tool, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure that looks like a day on which nothing was due."""
    nothing = tool.begin(*RENEW)
    assert (nothing.code, nothing["state"], nothing["certificates"]) == (3, "nothing_due", []), nothing
    words = handler_for_both(scripts.native)
    assert certbot.run("certonly", *words, *names(domain)).returncode == 0
    seen = certbot.folder / "seen"
    renewed = tool.begin(*RENEW_NOW, "--deploy-hook", f"env >{seen}")
    assert (renewed.code, renewed["certificates"][0]["changed"]) == (0, True), renewed
    # What a hook starts must not speak into this session.
    assert SESSION not in seen.read_text()


def ended(tool: Tool, session: str) -> Ended:
    """How a session is, as soon as its Certbot has ended by itself."""
    deadline = time.monotonic() + PATIENCE
    while (status := tool.run("status", session))["state"] in ("waiting", "working"):
        assert time.monotonic() < deadline, status
    return status


def test_nobody_comes(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Every batch of a renewal is given up at the deadline of the first, and nobody is waited for who could confirm the
    cleanup. Lost: Certbot's lock, for a quarter of an hour for each certificate."""
    lineages = [f"{letter}.{domain}" for letter in "abc"]
    for name in lineages:
        begun = tool.begin("certonly", *names(name))
        tool.publish(begun)
        tool.remove(tool.run("finish", begun["session"]))
    begun = tool.begin(*RENEW_NOW, more=("--deadline", "1"))
    expired = ended(tool, begun["session"])
    assert (expired.code, expired["state"]) == (7, "expired"), expired
    assert [list(one["remove"]["txt"]) for one in (expired, tool.run("finish", begun["session"]))] == [
        [f"_acme-challenge.{lineages[0]}"]
    ] * 2
    lines = said(certbot, begun)
    assert [line["cmd"] for line in lines if line["cmd"] != "error"] == [
        *("hello", "perform_challenge", "await", "result", "cleanup", "summary")
    ]
    codes = [line["code"] for line in lines if line["cmd"] == "error"]
    assert codes == ["answer.timeout", "answer.end_of_input", *["challenge.not_published"] * 3, "certbot.failed"]


def test_a_session_is_told_to_stop(tool: Tool, certbot: Certbot, domain: str) -> None:
    """By whoever ends the services of a host. Lost: a minute of the few seconds that it has for that."""
    begun = tool.begin("certonly", *names(domain))
    os.kill(tool.process(begun["session"]), signal.SIGTERM)
    assert ended(tool, begun["session"])["state"] == "failed"
    told = [line for line in said(certbot, begun) if line["cmd"] == "error"]
    assert [line["code"] for line in told] == ["answer.end_of_input", "certbot.interrupted"]
    assert told[-1]["message"] == "Certbot was told to stop (SIGTERM)."


def test_abort_while_certbot_looks_and_finish_waits(tool: Tool, ca: TestCA, certbot: Certbot, domain: str) -> None:
    """Guards against: folders that stay locked until a record appears."""
    look = ["--external-auth-verify-nameservers", ca.dns, "--external-auth-verify-timeout", "3600"]
    begun = tool.begin("certonly", *look, *names(domain))
    words = tool.command("finish", begun["session"])
    with subprocess.Popen(words, env=tool.environment, stdout=subprocess.PIPE) as finish:
        deadline = time.monotonic() + PATIENCE
        while not any(line["cmd"] == "visibility" for line in said(certbot, begun)):
            assert time.monotonic() < deadline
        aborted = tool.run("abort", begun["session"])
        printed, _ = finish.communicate(timeout=PATIENCE)
    assert (aborted.code, aborted["message"]) == (0, "The session has ended. Remove what is listed in remove."), aborted
    document = documents.checked(printed.decode(), "finish", finish.returncode)
    assert (finish.returncode, document["state"], document["remove"]["txt"]) == (1, "aborted", begun["txt"])
    assert certbot.run("certificates").returncode == 0


def socket_of_the_dead(tool: Tool, domain: str) -> Path:
    """Its record is gone; any verb of this user sweeps it, also one of another test, and then there is another one."""
    for _ in range(5):
        begun = tool.begin("certonly", *names(domain))
        left = tool.socket(begun["session"])
        os.kill(tool.process(begun["session"]), signal.SIGKILL)
        tool.wait_for_shell(begun["session"])
        shutil.rmtree(tool.certbot.work_dir)
        if left.exists():
            return left
    raise AssertionError(f"{left} was swept each time")


def test_a_socket_of_the_dead_goes_though_its_record_is_gone(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Guards against: files that fill /run, and a cleanup that removes the socket of a living session."""
    kept = tool.begin("certonly", *names(domain))
    there = tool.socket(kept["session"])
    for verb in ("begin", "status", "finish", "abort"):
        other = Tool(Certbot(certbot.folder / verb, tool.ca), tool.ca, Path(tool.environment["XDG_RUNTIME_DIR"]))
        left = socket_of_the_dead(other, f"{verb}.{domain}")
        if verb == "begin":
            again = other.begin("certonly", *names(f"{verb}.{domain}"))
            assert other.run("abort", again["session"]).code == 0
        else:
            tool.run(verb, *([] if verb == "status" else ["0123456789ab"]))
        assert not left.exists()
        assert not left.with_suffix(".lock").exists()
        assert there.is_socket()
    assert tool.run("abort", kept["session"]).code == 0
    assert not there.with_suffix(".lock").exists()


def test_abort_where_the_shell_above_certbot_was_killed(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Guards against: a session that cannot be ended, because only the shell was noted."""
    begun = tool.begin("certonly", *names(domain))
    noted = tool.record(begun["session"]) / "process"
    os.kill(json.loads(noted.read_text())["pid"], signal.SIGKILL)
    aborted = tool.run("abort", begun["session"])
    assert (aborted.code, aborted["state"], aborted["remove"]["txt"]) == (0, "aborted", begun["txt"]), aborted
    assert certbot.run("certificates").returncode == 0


def test_the_socket_is_gone(tool: Tool, certbot: Certbot, domain: str) -> None:
    """As after a logout, where it lay in the folder of the login. Lost: a minute at each call, and the way out."""
    begun = tool.begin("certonly", *names(domain))
    record = certbot.work_dir / "external-auth" / "sessions" / begun["session"] / "session.json"
    os.unlink(json.loads(record.read_text())["socket"])
    failed = tool.run("finish", begun["session"])
    assert (failed.code, failed["session"]) == (1, begun["session"]), failed
    assert "was removed" in failed["message"]
    aborted = tool.run("abort", begun["session"])
    assert (aborted.code, aborted["remove"]["txt"]) == (0, begun["txt"])
