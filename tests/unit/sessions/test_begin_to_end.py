"""The verbs from begin to end, with a program in place of Certbot that says the lines it is told to say."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth import cli
from certbot_external_auth.sessions import store
from tests.support import documents

# `begin` leaves Certbot running on purpose, and its own process ends; here that is the tests'.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PROGRAM = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import json, os, sys, time
from certbot_external_auth.protocol.session_record import session_record
from certbot_external_auth.protocol.socket_channel import SocketChannel
told = json.load(open({told!r}))
json.dump(sys.argv[1:], open({argv!r}, "w"))
channel = SocketChannel(*session_record(os.environ["CERTBOT_EXTERNAL_AUTH_SESSION"]))
answers = open({answers!r}, "w")
for line in told["lines"]:
    channel.send(json.dumps(line).encode() + b"\\n", time.monotonic() + 30)
    for _ in line["ids"] if line["cmd"] == "await" else [1] if line["cmd"] == "cleanup" else []:
        answers.write((channel.receive(time.monotonic() + 60) or b"null").decode() + "\\n")
        answers.flush()
print(told["output"], flush=True)
channel.finish()
sys.exit(told["code"])
"""
DEADLINE = "2030-01-01T00:00:00.000Z"


def challenge(number: int) -> dict[str, Any]:
    return {
        "cmd": "perform_challenge",
        "id": f"c{number}",
        "type": "dns-01",
        "domain": "a.test",
        "identifier_type": "dns",
        "txt_domain": "_acme-challenge.a.test",
        "validation": f"v{number}",
    }


def batch(number: int) -> dict[str, Any]:
    txt = {"_acme-challenge.a.test": [f"v{number}"]}
    return {"cmd": "await", "ids": [f"c{number}"], "deadline": DEADLINE, "txt": txt, "http": {}, "tls": {}}


def result(number: int, **more: object) -> dict[str, Any]:
    return {"cmd": "result", "id": f"c{number}", "status": "valid", "error": None, **more}


def cleanup(number: int) -> dict[str, Any]:
    return {"cmd": "cleanup", "id": f"c{number}"}


HELLO = {"cmd": "hello", "leftover": [{"txt_domain": "_acme-challenge.old.test", "validation": "old", "uri": None}]}
GOOD = {"cmd": "summary", "ok": True, "lineages": []}
BAD = {"cmd": "summary", "ok": False, "lineages": []}
NOTHING = {"txt": {}, "http": [], "tls": []}


class Host:
    """Certbot's folders, and the verbs with them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.work_dir, self.config_dir = str(folder / "w"), str(folder / "c")
        self.program = folder / "certbot"
        paths = {name: str(folder / name) for name in ("told", "argv", "answers")}
        self.program.write_text(PROGRAM.format(python=sys.executable, **paths))
        self.program.chmod(0o755)

    def run(self, verb: str, *words: str) -> tuple[int, dict[str, Any]]:
        code = cli.main([verb, "--work-dir", self.work_dir, *words])
        return code, documents.checked(self._capsys.readouterr().out, verb, code)

    def begin(self, *lines: dict[str, Any], code: int = 0, output: str = "") -> tuple[int, dict[str, Any]]:
        (self.folder / "told").write_text(json.dumps({"lines": lines, "code": code, "output": output}))
        words = ("--config-dir", self.config_dir, "--certbot", str(self.program), "--", "certonly", "-d", "a.test")
        return self.run("begin", *words)

    def answers(self) -> list[Any]:
        return [json.loads(line) for line in (self.folder / "answers").read_text().splitlines()]


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with tempfile.TemporaryDirectory() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        found = Host(tmp_path, capsys)
        yield found
        for session in store.readable(found.work_dir)[0]:
            if store.alive(session):
                found.run("abort", session.id)


def test_one_batch_from_begin_to_the_end(host: Host) -> None:
    code, found = host.begin(HELLO, challenge(1), batch(1), result(1), cleanup(1), GOOD)
    session = found.pop("session")
    command = f"certbot-external-auth finish --work-dir {host.work_dir} {session} --batch 1"
    waiting = {
        "format_version": "1.0",
        "state": "waiting",
        "batch": 1,
        "deadline": DEADLINE,
        "message": f"Publish what is in the batch, then run: {command}",
        "challenges": [{"id": "c1", "type": "dns-01", "identifier": "a.test", "identifier_type": "dns"}],
        "txt": {"_acme-challenge.a.test": ["v1"]},
        "http": {},
        "tls": {},
        "remove": NOTHING,
        "leftover": {**NOTHING, "txt": {"_acme-challenge.old.test": ["old"]}},
        "problems": [],
        "errors": [],
        "certificates": [],
    }
    assert (code, found) == (0, waiting)
    words = json.loads((host.folder / "argv").read_text())
    assert words[:3] == ["certonly", "-d", "a.test"]
    assert dict(zip(words[4::2], words[5::2], strict=True)) == {
        "--config-dir": host.config_dir,
        "--work-dir": host.work_dir,
        "-a": "external-auth",
        "--external-auth-mode": "json",
    }
    assert host.run("status", session) == (0, {**waiting, "session": session})
    _, listed = host.run("status")
    (only,) = listed["sessions"]
    assert (only["session"], only["state"], only["config_dir"]) == (session, "waiting", host.config_dir)
    code, ended = host.run("finish", session)
    assert (code, ended["state"], ended["batch"], ended["message"]) == (0, "done", None, "Done. See certificates.")
    assert "deadline" not in ended
    assert ended["remove"] == {**NOTHING, "txt": {"_acme-challenge.a.test": ["v1"]}}
    assert (ended["challenges"], ended["txt"], ended["certificates"]) == ([], {}, [])
    assert host.answers() == [{"id": "c1", "ok": True}] * 2
    # The same again, whenever it is asked for.
    assert host.run("finish", session, "--batch", "1") == (0, ended)
    assert host.run("status", session) == (0, ended)
    assert host.run("abort", session)[0] == 0


def test_a_second_batch_is_more_to_do(host: Host) -> None:
    lines = (challenge(1), batch(1), result(1), cleanup(1), challenge(2), batch(2), result(2), cleanup(2), GOOD)
    session = host.begin(HELLO, *lines)[1]["session"]
    code, more = host.run("finish", session, "--batch", "1")
    assert (code, more["state"], more["batch"]) == (9, "more", 2)
    assert more["message"].endswith(f" {session} --batch 2")
    assert more["txt"] == {"_acme-challenge.a.test": ["v2"]}
    assert more["remove"]["txt"] == {"_acme-challenge.a.test": ["v1"]}
    # An answer to the first one does not answer the second.
    assert host.run("finish", session, "--batch", "1")[1]["state"] == "more"
    code, ended = host.run("finish", session)
    assert (code, ended["state"]) == (0, "done")
    # Whoever connects reads every line from the first on, and confirms a cleanup again.
    assert [one["id"] for one in host.answers()][:3] == ["c1", "c1", "c2"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--code", "full", "--message", "no room"), {"code": "full", "message": "no room"}),
        ((), {"code": "driver.failed", "message": "it could not be published"}),
    ],
)
def test_what_could_not_be_published_is_answered_so(host: Host, words: tuple[str, ...], error: dict[str, str]) -> None:
    said = {"cmd": "error", "code": "answer.refused", "message": "m", "id": "c1", "more": "x"}
    refused = result(1, status="invalid", error={"type": "urn:x", "detail": "no"})
    session = host.begin(HELLO, challenge(1), batch(1), refused, said, cleanup(1), BAD, code=1)[1]["session"]
    code, ended = host.run("finish", session, "--failed", "c1", *words)
    assert host.answers()[0] == {"id": "c1", "ok": False, "error": error}
    assert (code, ended["state"]) == (4, "refused")
    assert ended["problems"] == [{"id": "c1", "type": "urn:x", "detail": "no"}]
    assert ended["errors"] == [{"code": "answer.refused", "message": "m", "id": "c1"}]
    assert "output" not in ended


def test_a_failure_without_an_error_shows_what_certbot_printed(host: Host) -> None:
    code, ended = host.begin(HELLO, BAD, code=1, output="no room")
    assert (code, ended["state"], ended["output"]) == (1, "failed", "no room\n")
    folder = Path(host.work_dir, "external-auth", "sessions", ended["session"])
    assert stat.S_IMODE((folder / "output").stat().st_mode) == 0o600
    assert not Path(json.loads((folder / "session.json").read_text())["socket"]).exists()


def test_abort_ends_certbot_whatever_it_does(host: Host) -> None:
    session = host.begin(HELLO, challenge(1), batch(1), GOOD)[1]["session"]
    code, ended = host.run("abort", session)
    assert (code, ended["state"]) == (0, "aborted")
    assert ended["message"].startswith("The session has ended.")
    assert ended["remove"]["txt"] == {"_acme-challenge.a.test": ["v1"]}
    code, again = host.run("status", session)
    assert (code, again["state"]) == (1, "aborted")
    assert again["message"].startswith("An abort ended the session.")


def test_one_session_at_a_time_for_the_same_folders(host: Host) -> None:
    session = host.begin(HELLO, challenge(1), batch(1), GOOD)[1]["session"]
    code, refused = host.begin(HELLO, GOOD)
    assert (code, refused["state"], refused["open"]) == (8, "locked", session)
    assert session in refused["message"]
    assert host.run("finish", session)[1]["state"] == "done"
    assert host.begin(HELLO, GOOD)[1]["state"] == "nothing_due"
    assert [one["state"] for one in host.run("status")[1]["sessions"]] == ["done", "nothing_due"]


def test_a_tool_that_was_cut_off_goes_on_with_its_session(host: Host) -> None:
    """Lost: a quarter of an hour, until the session of a play that was killed has expired."""
    code, begun = host.begin(HELLO, challenge(1), batch(1), GOOD)
    folders = ["--config-dir", host.config_dir, "--work-dir", host.work_dir, "--certbot", str(host.folder / "certbot")]
    again = ["begin", *folders, "--resume", "--", "certonly", "-d", "a.test"]
    assert host.run(*again) == (code, {**begun, "resumed": True})
    other = host.run("begin", *folders, "--resume", "--", "certonly", "-d", "b.test")
    assert (other[0], other[1]["open"]) == (8, begun["session"])
    Path(host.work_dir, "external-auth", "sessions", begun["session"], "request").unlink()
    assert host.run(*again)[0] == 8
    assert host.run("abort", begun["session"])[0] == 0


@pytest.mark.parametrize("verb", ["status", "finish", "abort"])
def test_an_unknown_session(host: Host, verb: str) -> None:
    code, found = host.run(verb, "0123456789ab")
    assert (code, found["state"]) == (6 if verb != "abort" else code, "unknown")
    assert "0123456789ab" in found["message"]


WRONG_USE = (
    (("finish", "SESSION", "--batch", "2"), "--batch 2: the session has 1 batch so far"),
    (("finish", "SESSION", "--failed", "c7"), "--failed c7: the batch has c1"),
    (("finish", "SESSION", "--config-dir", "/elsewhere"), "--config-dir /elsewhere"),
    (("begin", "--", "delete"), "not delete"),
    (("begin", "--", "-d", "x"), "a verb of Certbot is needed"),
    (("begin", "--certbot", "/none", "--", "certonly"), "/none was not found"),
)


def test_wrong_use_changes_nothing(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    session = host.begin(HELLO, challenge(1), batch(1), GOOD)[1]["session"]
    for words, said in WRONG_USE:
        given = [session if word == "SESSION" else word for word in words]
        assert cli.main([given[0], "--work-dir", host.work_dir, *given[1:]]) == 2, words
        printed = capsys.readouterr()
        assert (printed.out, said in printed.err) == ("", True), printed.err
    assert host.run("status", session)[1]["state"] == "waiting"


@pytest.mark.parametrize(
    "words",
    [("finish", "x", "--batch", "0"), ("finish", "x", "--batch", "\u0661"), ("begin", "--deadline", "0", "--", "run")],
)
def test_numbers_that_are_none(host: Host, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    assert ended.value.code == 2
