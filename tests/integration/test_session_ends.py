"""Two steps: sessions that end in other ways than by a `finish` that publishes everything."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.settings import SESSION
from tests.support import certificates
from tests.support.certbot import PATIENCE, Certbot
from tests.support.hooks import Hooks
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
    begun = Ended(0, json.loads(document.read_text()), "")
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


def said(certbot: Certbot, ended: Ended) -> list[dict[str, Any]]:
    """The lines of a session."""
    record = certbot.work_dir / "external-auth" / "sessions" / ended["session"] / "lines"
    return [json.loads(line) for line in record.read_text().splitlines()]


def test_abort_ends_a_renewal_with_all_its_batches(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Lost: the folders, which the second certificate would lock once more."""
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
    assert (aborted.code, aborted["state"]) == (0, "failed"), aborted
    asked = [line for line in said(certbot, first) if line["cmd"] == "await"]
    assert len(asked) == len(lineages)
    # What was of the first one `finish` has told.
    assert sorted(aborted["remove"]["txt"]) == sorted(name for line in asked[1:] for name in line["txt"])
    changed = [certificates.serial(certbot.live(name)) for name in lineages]
    assert sum(old != new for old, new in zip(before, changed, strict=True)) == 1
    assert certbot.run("certificates").returncode == 0
    tool.remove(aborted)


def test_who_only_looks_is_not_kept_waiting(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Lost: a monitor that hangs, or takes what is wanted just now for left behind."""
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
    """Lost: the difference between a failure and a day on which nothing was due."""
    nothing = tool.begin(*RENEW)
    assert (nothing.code, nothing["state"], nothing["certificates"]) == (3, "nothing_due", []), nothing
    words = handler_for_both(scripts.native)
    assert certbot.run("certonly", *words, *names(domain)).returncode == 0
    seen = certbot.folder / "seen"
    renewed = tool.begin(*RENEW_NOW, "--deploy-hook", f"env >{seen}")
    assert (renewed.code, renewed["certificates"][0]["changed"]) == (0, True), renewed
    # What a hook starts must not speak into this session.
    assert SESSION not in seen.read_text()


def of_somebody_else(folder: Path) -> None:
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: folder.chmod(0o770),
        lambda folder: folder.chmod(0o707),
        pytest.param(of_somebody_else, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives away")),
    ],
)
def test_a_folder_of_others_is_not_used(tool: Tool, certbot: Certbot, domain: str, change: Any) -> None:
    """Below /run or XDG_RUNTIME_DIR. Lost: answers, and challenges, to who made it first."""
    runtime = Path(tool.environment["XDG_RUNTIME_DIR"])
    folder = runtime / f"certbot-external-auth-{os.geteuid()}"
    folder.mkdir(mode=0o700)
    change(folder)
    refused = tool.begin("certonly", *names(domain))
    assert refused.code == 2
    assert f"{folder} is not this user's alone; remove it, or name a folder by XDG_RUNTIME_DIR." in refused.stderr
    assert "Traceback" not in refused.stderr
    folder.rmdir()
    (runtime / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(runtime / "elsewhere")
    assert tool.begin("certonly", *names(domain)).code == 2
    assert tool.run("status")["sessions"] == []
    folder.unlink()
