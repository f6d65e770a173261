"""What a session's lines say about it, and what the documentation says about that."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth import folders
from certbot_external_auth.backends.socket_channel import SocketChannel
from certbot_external_auth.sessions import STATES, begin, conversation, finish, outcome, store

ROOT = Path(__file__).resolve().parents[2]
CHALLENGE = {"cmd": "perform_challenge", "id": "c1", "type": "dns-01", "domain": "a.test"}
CHALLENGE |= {"txt_domain": "_acme-challenge.a.test", "validation": "v"}
AWAIT: dict[str, Any] = {"cmd": "await", "ids": ["c1"], "deadline": "d", "txt": {}, "http": {}, "tls": {}}
RESULT = {"cmd": "result", "id": "c1", "status": "valid"}
LATE = {"cmd": "error", "code": "answer.timeout", "message": "No answer for c1.", "id": "c1"}
CLEANUP = {"cmd": "cleanup", "id": "c1"}


def summary(ok: bool, **lineage: object) -> dict[str, Any]:
    return {"cmd": "summary", "ok": ok, "lineages": [lineage] if lineage else []}


@pytest.mark.parametrize(
    ("state", "lines", "alive", "changed"),
    [
        ("working", [], True, False),
        ("waiting", [CHALLENGE, AWAIT], True, False),
        ("working", [CHALLENGE, AWAIT, RESULT], True, False),
        ("waiting", [CHALLENGE, AWAIT, RESULT, CLEANUP, CHALLENGE, AWAIT], True, True),
        ("done", [CHALLENGE, AWAIT, RESULT, CLEANUP, summary(True)], False, True),
        ("nothing_due", [summary(True)], False, False),
        ("refused", [CHALLENGE, AWAIT, {**RESULT, "status": "invalid"}, CLEANUP, summary(False)], False, False),
        ("refused", [{"cmd": "error", "code": "ca.refused"}, summary(False)], False, False),
        ("expired", [CHALLENGE, AWAIT, LATE, RESULT, CLEANUP, summary(False)], False, False),
        # Nobody confirmed the cleanup, which is another matter.
        ("failed", [CHALLENGE, AWAIT, RESULT, CLEANUP, LATE, summary(False)], False, True),
        ("deploy_failed", [summary(False, deploy_pending=True)], False, True),
        ("locked", [{"cmd": "error", "code": "certbot.locked"}, summary(False)], False, False),
        ("lost", [CHALLENGE, AWAIT], False, False),
        ("failed", [{"cmd": "hello"}], False, False),
        ("failed", [], False, False),
    ],
)
def test_state(state: str, lines: list[dict[str, Any]], alive: bool, changed: bool) -> None:
    assert outcome.state(lines, alive, changed) == state


def test_locked_before_the_plugin_is_asked() -> None:
    assert outcome.state([], False, False, f"{outcome.LOCKED}.\n") == "locked"


def test_what_may_be_removed_is_not_what_waits() -> None:
    """Lost: the batch that the CA is about to look at."""
    second = {**CHALLENGE, "id": "c2", "validation": "w"}
    lines = [CHALLENGE, AWAIT, RESULT, CLEANUP, second, {**AWAIT, "ids": ["c2"]}]
    assert outcome.to_remove(lines, alive=True)["txt"] == {"_acme-challenge.a.test": ["v"]}
    assert outcome.to_remove(lines, alive=False)["txt"] == {"_acme-challenge.a.test": ["v", "w"]}


def test_only_what_failed_is_refused() -> None:
    batch = {**AWAIT, "ids": ["c1", "c2"]}
    error = {"code": "driver.failed", "message": "full"}
    expected = [{"id": "c1", "ok": True}, {"id": "c2", "ok": False, "error": error}]
    assert finish.answers(batch, ["c2"], "", "full") == expected


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["certonly", "-d", "a.test"], ["-n", "-a", "external-auth", "--external-auth-mode", "json"]),
        (["certonly", "-n", "--configurator=external-auth"], ["--external-auth-mode", "json"]),
        (["renew", "--non-interactive"], ["--no-random-sleep-on-renew"]),
    ],
)
def test_what_is_added_to_a_command_line(words: list[str], more: list[str]) -> None:
    found = begin.completed([*words, "--work-dir=w"], {"config-dir": "c", "work-dir": "x"}, 900)
    rest = [word for word in found[len(words) + 1 :] if word not in ("--external-auth-ack-timeout", "900")]
    assert sorted(rest) == sorted([*more, "--config-dir", "c"])


@pytest.mark.parametrize("text", ["work-dir = /w", "# x\nwork-dir=/w  \n", "--work-dir /w", "work-dir: '/w'"])
def test_folders_are_those_of_cli_ini(text: str, tmp_path: Path) -> None:
    """Lost: a session that Certbot writes elsewhere than it is looked for."""
    ini = tmp_path / "cli.ini"
    ini.write_text(f"email = a@b.example\n{text}\n")
    assert folders.found({}, [str(tmp_path / "none"), str(ini)]) == ("/etc/letsencrypt", "/w")
    assert folders.found({"work-dir": "/v"}, [str(ini)]) == ("/etc/letsencrypt", "/v")


def test_the_table_of_states_is_that_of_the_code() -> None:
    rows = [
        f"| `{name}` | {code.value} | {text.replace('{command}', 'finish')} |" for name, (code, text) in STATES.items()
    ]
    table = "\n".join(["| state | exit code | meaning |", "|---|---|---|", *rows])
    text = (ROOT / "docs" / "two-steps.md").read_text()
    shown = text.split("<!-- states:begin -->")[1].split("<!-- states:end -->")[0].strip()
    assert shown == table, f"docs/two-steps.md should have:\n{table}"


@pytest.mark.parametrize("deployed", [True, False])
def test_a_deployment_is_confirmed_by_who_will_make_it_only(deployed: bool) -> None:
    """Lost: the certificate of a session that is aborted, which no renewal would hand over again."""
    with tempfile.TemporaryDirectory() as folder:
        channel = SocketChannel(f"{folder}/s")
        answers: list[bytes | None] = []

        def certbot() -> None:
            channel.send(b'{"cmd": "deploy_cert", "id": "d1"}\n', time.monotonic() + 10)
            answers.append(channel.receive(time.monotonic() + 10))
            channel.finish()

        thread = threading.Thread(target=certbot)
        thread.start()
        with conversation.Conversation(f"{folder}/s") as talk:
            assert not talk.attend(deployed=deployed)
        thread.join(10)
    assert json.loads(answers[0] or b"")["ok"] is deployed


def test_a_certbot_that_stands_still_is_not_waited_for_for_ever() -> None:
    with tempfile.TemporaryDirectory() as folder:
        channel = SocketChannel(f"{folder}/s")
        with conversation.Conversation(f"{folder}/s") as talk:
            assert not talk.attend(limit=0.05)
        channel.finish()


def test_two_who_look_do_not_take_each_other_for_certbot(tmp_path: Path) -> None:
    """Lost: a session that is over, and would seem open."""
    session = store.new(str(tmp_path), begin._session(["certonly"], "/c", str(tmp_path)))
    descriptor = store.lock(session)
    assert store.alive(session)
    os.close(descriptor)
    looking = os.open(f"{session.folder}/lock", os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert not store.alive(session)
    os.close(looking)
