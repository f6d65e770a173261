"""Two steps: what the documents say is so, and stays so, whoever asks again, late or at the same time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

from certbot_external_auth.sessions import store
from tests.support import certificates
from tests.support.certbot import PATIENCE, Certbot
from tests.support.testca import TestCA
from tests.support.two_steps import Tool
from tests.support.words import RENEW_NOW, names


def test_a_batch_that_nobody_saw_is_not_answered(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Also without `--batch`. Lost: a renewal, because a pipeline ran its job again."""
    lineages = [domain, f"b.{domain}"]
    for name in lineages:
        begun = tool.begin("certonly", *names(name))
        tool.publish(begun)
        tool.remove(tool.run("finish", begun["session"]))
    before = [certificates.serial(certbot.live(name)) for name in lineages]
    first = tool.begin(*RENEW_NOW)
    session = first["session"]
    assert (first["batch"], first["message"].endswith(" --batch 1")) == (1, True), first
    tool.publish(first)
    second = tool.run("finish", session, "--batch", "1")
    assert (second.code, second["state"], second["batch"]) == (9, "more", 2), second
    again = tool.run("finish", session, "--batch", "1")
    assert (again.code, again["txt"], again["remove"]) == (9, second["txt"], second["remove"])
    # As if the one that printed it had been killed before.
    (certbot.work_dir / "external-auth" / "sessions" / session / "handed-out").write_text("[1]")
    again = tool.run("finish", session)
    assert (again.code, again["state"], again["txt"]) == (9, "more", second["txt"])
    wrong = tool.run("finish", session, "--batch", "3")
    assert (wrong.code, wrong.stderr.strip()) == (2, "--batch 3: the session has 2 batches so far.")
    tool.publish(second)
    done = tool.run("finish", session, "--batch", "2")
    assert (done.code, done["state"], done["remove"]["txt"]) == (0, "done", second["txt"]), done
    assert all(certificates.serial(certbot.live(name)) != old for name, old in zip(lineages, before, strict=True))
    tool.remove(second)
    tool.remove(done)


def test_certbots_exit_code_counts(tool: Tool, domain: str) -> None:
    """Guards against: a failed run that counts as a success, because the plugin did not see its end."""
    failed = tool.begin("run", "-a", "external-auth", "--external-auth-mode", "json", "-i", "nginx", *names(domain))
    assert (failed.code, failed["state"]) == (1, "failed"), failed
    assert "nginx" in failed["output"]


def test_a_result_stays(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Whatever another session does later. Lost: trust in a `finish` that is run again."""
    rehearsal = tool.begin("certonly", "--dry-run", *names(domain))
    tool.publish(rehearsal)
    done = tool.run("finish", rehearsal["session"])
    assert (done.code, done["state"], done["certificates"]) == (0, "done", []), done
    tool.remove(done)
    forgotten = tool.begin("certonly", "--dry-run", *names(domain))
    os.kill(tool.process(forgotten["session"]), signal.SIGKILL)
    assert store.wait_for_end(store.find(str(certbot.work_dir), forgotten["session"]), PATIENCE)
    begun = tool.begin("certonly", *names(domain))
    assert begun["leftover"]["txt"] == forgotten["txt"], begun
    tool.publish(begun)
    issued = tool.run("finish", begun["session"])
    assert issued["state"] == "done"
    again = tool.run("finish", rehearsal["session"])
    assert (again.code, again.document) == (0, done.document)
    lost = tool.run("finish", forgotten["session"])
    assert (lost.code, lost["state"], lost["certificates"]) == (7, "lost", [])
    tool.remove(issued)


def test_a_request_of_ones_own(tool: Tool, certbot: Certbot, domain: str) -> None:
    """Guards against: no path of a certificate that has no lineage."""
    request, key = certbot.folder / "request.pem", certbot.folder / "key.pem"
    words = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(request)]
    more = ["-subj", f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}"]
    subprocess.run([*words, *more], check=True, capture_output=True)
    paths = {f"{kind}_path": str(certbot.folder / f"{kind}.pem") for kind in ("cert", "chain", "fullchain")}
    flags = [word for kind, path in paths.items() for word in (f"--{kind.replace('_', '-')}", path)]
    begun = tool.begin("certonly", "--csr", str(request), *flags)
    tool.publish(begun)
    done = tool.run("finish", begun["session"])
    assert (done.code, done["state"]) == (0, "done"), done
    [one] = done["certificates"]
    assert {key: one[key] for key in paths} == paths
    assert (one["name"], one["key_path"], one["domains"], one["changed"]) == (None, None, [domain], True)
    tool.remove(done)


def test_a_document_that_cannot_be_printed(tool: Tool, domain: str) -> None:
    """A full disk behind a redirection. Lost: which session holds the lock, and the batch, to an answer by nobody."""
    with open("/dev/full", "wb") as full:
        for verb, words in (
            ("begin", ["--", *tool.begins("certonly", *names(domain))]),
            ("status", []),
            ("recover", ["--list", "--json"]),
            ("recover", ["--list"]),
        ):
            command = tool.command(verb, *words)
            ended = subprocess.run(
                command, env=tool.environment, cwd=tool.certbot.cwd, stdout=full, stderr=subprocess.PIPE, text=True
            )
            assert ended.returncode == 1, ended
            said = "The document could not be printed: No space left on device."
            [one] = tool.run("status")["sessions"]
            if verb == "begin":
                said += f" To print that of session {one['session']} again, run: "
            assert ended.stderr.startswith(said), ended
            assert (ended.stderr.count("\n"), one["state"]) == (1, "waiting"), ended
    # Nobody has seen the batch, so nobody can have published it.
    shown = tool.run("finish", one["session"])
    assert (shown.code, shown["state"], list(shown["txt"])) == (9, "more", [f"_acme-challenge.{domain}"]), shown


def test_names_as_certbot_takes_them(tool: Tool, domain: str) -> None:
    """Guards against: no certificate in the document if nothing is due."""
    begun = tool.begin("certonly", "-d", f"{domain}, B.{domain}.")
    tool.publish(begun)
    assert tool.run("finish", begun["session"])["certificates"][0]["domains"] == [domain, f"b.{domain}"]
    for name in domain, f"b.{domain}":
        tool.ca.clear_txt(f"_acme-challenge.{name}")
    again = tool.begin("certonly", "-d", f"{domain}, B.{domain}.")
    assert (again["state"], [one["name"] for one in again["certificates"]]) == ("nothing_due", [domain]), again


def test_two_finish_at_the_same_time(tool: Tool, domain: str) -> None:
    """Guards against: a job that fails because another one gave up waiting."""
    begun = tool.begin("certonly", *names(domain))
    tool.publish(begun)
    words = tool.command("finish", begun["session"])
    both = [subprocess.Popen(words, env=tool.environment, stdout=subprocess.PIPE) for _ in range(2)]
    documents = [json.loads(one.communicate(timeout=PATIENCE)[0]) for one in both]
    assert [(one["state"], process.returncode) for one, process in zip(documents, both, strict=True)] == [
        ("done", 0),
        ("done", 0),
    ], documents
    tool.remove(begun)


def test_what_was_answered_is_worked_on(tool: Tool, ca: TestCA, domain: str) -> None:
    """Published late, and looked for until then. Lost: the challenge that the CA is about to look at."""
    look = ["--external-auth-verify-nameservers", ca.dns, "--external-auth-verify-timeout", "600"]
    begun = tool.begin("certonly", *names(domain), *look)
    session = begun["session"]
    words = tool.command("finish", session, "--batch", "1")
    with subprocess.Popen(words, env=tool.environment, stdout=subprocess.PIPE) as finishing:
        deadline = time.monotonic() + PATIENCE
        while (status := tool.run("status", session))["state"] == "waiting":
            assert time.monotonic() < deadline
        assert (status.code, status["state"], status["txt"]) == (0, "working", begun["txt"]), status
        assert "deadline" not in status.document
        assert status["remove"]["txt"] == {}
        late = tool.run("finish", session, "--failed", "c1")
        told = "--failed c1: an earlier finish reported this as published."
        assert (late.code, late.stderr.strip()) == (2, told)
        tool.publish(begun)
        done = json.loads(finishing.communicate(timeout=PATIENCE)[0])
    assert done["state"] == "done"
    tool.remove(begun)


def test_another_configuration_directory_is_refused(tool: Tool, certbot: Certbot, domain: str) -> None:
    begun = tool.begin("certonly", *names(domain))
    for verb in ("finish", "status", "abort"):
        refused = tool.run(verb, begun["session"], "--config-dir", "/nonexistent")
        expected = f"--config-dir /nonexistent: session {begun['session']} uses {certbot.config_dir}."
        assert (refused.code, refused.stderr.strip()) == (2, expected)
    assert tool.run("abort", begun["session"]).code == 0
