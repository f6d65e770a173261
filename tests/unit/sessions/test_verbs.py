"""What a session's lines say about it, and what the documentation says about that."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.console import certbot_folders
from certbot_external_auth.errors import UsageError
from certbot_external_auth.protocol.session_record import session_record
from certbot_external_auth.protocol.socket_channel import SocketChannel
from certbot_external_auth.protocol.stream import Stream
from certbot_external_auth.sessions import (
    STATES,
    Session,
    begin,
    certbot_process,
    conversation,
    finish,
    session_document,
    session_state,
    socket_place,
    store,
)
from tests.support import another_user, documents, recordings, session_records

ROOT = Path(__file__).resolve().parents[3]
CHALLENGE = {"cmd": "perform_challenge", "id": "c1", "type": "dns-01", "domain": "a.test", "identifier_type": "dns"}
CHALLENGE |= {"txt_domain": "_acme-challenge.a.test", "validation": "v"}
AWAIT: dict[str, Any] = {"cmd": "await", "ids": ["c1"], "deadline": "d", "txt": {}, "http": {}, "tls": {}}
RESULT = {"cmd": "result", "id": "c1", "status": "valid"}
LATE = {"cmd": "error", "code": "answer.timeout", "message": "No answer for c1.", "id": "c1"}
CLEANUP = {"cmd": "cleanup", "id": "c1"}


def summary(ok: bool, **lineage: object) -> dict[str, Any]:
    return {"cmd": "summary", "ok": ok, "lineages": [lineage] if lineage else []}


DEPLOY = {"cmd": "deploy_cert", "id": "d1", "lineage": "a.test"}
PENDING = {"name": "a.test", "changed": False, "deploy_pending": True}
SECOND = {**CHALLENGE, "id": "c2", "validation": "w"}
SECOND_AWAIT = {**AWAIT, "ids": ["c2"]}


def seen(lines: list[dict[str, Any]], **more: Any) -> session_state.Seen:
    return session_state.Seen(lines, **{"alive": False, "code": 0, **more})


@pytest.mark.parametrize(
    ("state", "lines", "more"),
    [
        ("working", [], {"alive": True}),
        ("waiting", [CHALLENGE, AWAIT], {"alive": True}),
        ("working", [CHALLENGE, AWAIT, RESULT], {"alive": True}),
        ("waiting", [CHALLENGE, AWAIT, RESULT, CLEANUP, SECOND, SECOND_AWAIT], {"alive": True, "answered": 1}),
        # Everything was answered: it is looked for, and the CA is asked.
        ("working", [CHALLENGE, AWAIT], {"alive": True, "answered": 1}),
        ("working", [CHALLENGE, AWAIT, {"cmd": "visibility", "id": "c1"}], {"alive": True}),
        ("done", [CHALLENGE, AWAIT, RESULT, CLEANUP, summary(True)], {"changed": True}),
        # A rehearsal, a request of one's own (--csr).
        ("done", [CHALLENGE, AWAIT, RESULT, CLEANUP, summary(True)], {}),
        ("done", [DEPLOY, summary(True)], {"verb": "renew"}),
        ("done", [summary(True)], {"verb": "install"}),
        ("done", [summary(True)], {"verb": "reconfigure"}),
        ("nothing_due", [summary(True)], {}),
        ("failed", [summary(True)], {"code": 1}),
        ("failed", [CHALLENGE, summary(True)], {"code": None}),
        ("refused", [CHALLENGE, AWAIT, {**RESULT, "status": "invalid"}, CLEANUP, summary(False)], {"code": 1}),
        ("refused", [{"cmd": "error", "code": "ca.refused"}, summary(False)], {"code": 1}),
        # The CA did not decide in time.
        (
            "failed",
            [CHALLENGE, {**RESULT, "status": "pending"}, {"cmd": "error", "code": "challenge.failed"}, summary(False)],
            {"code": 1},
        ),
        ("expired", [CHALLENGE, AWAIT, LATE, RESULT, CLEANUP, summary(False)], {"code": 1}),
        # The cleanup was not confirmed, which is another matter.
        ("failed", [CHALLENGE, AWAIT, RESULT, CLEANUP, LATE, summary(False)], {"code": 1, "changed": True}),
        ("deploy_failed", [summary(False, **{**PENDING, "changed": True})], {"code": 1, "changed": True}),
        ("deploy_failed", [DEPLOY, summary(False, **PENDING)], {"code": 1}),
        # Another run's.
        ("refused", [{"cmd": "error", "code": "ca.refused"}, summary(False, **PENDING)], {"code": 1}),
        ("locked", [{"cmd": "error", "code": "certbot.locked"}, summary(False)], {"code": 1}),
        ("locked", [], {"code": 1, "output": f"{session_state.LOCKED}.\n"}),
        ("lost", [CHALLENGE, AWAIT], {"code": 137}),
        ("failed", [{"cmd": "hello"}], {}),
        ("aborted", [CHALLENGE, AWAIT, RESULT, CLEANUP, summary(False)], {"code": 1, "aborted": True}),
        # It was ended before it could say more.
        ("aborted", [CHALLENGE, AWAIT], {"code": 143, "aborted": True}),
        ("aborted", [], {"code": 143, "aborted": True}),
        # One of several.
        ("aborted", [{**RESULT, "status": "invalid"}, summary(False)], {"code": 1, "aborted": True}),
        # It came too late.
        ("done", [CHALLENGE, AWAIT, RESULT, CLEANUP, summary(True)], {"changed": True, "aborted": True}),
        ("deploy_failed", [DEPLOY, summary(False, **PENDING)], {"code": 1, "aborted": True}),
        ("waiting", [CHALLENGE, AWAIT], {"alive": True, "aborted": True}),
        ("failed", [], {}),
    ],
)
def test_state(state: str, lines: list[dict[str, Any]], more: dict[str, Any]) -> None:
    assert session_state.state(seen(lines, **more)) == state


@pytest.mark.parametrize(
    ("alive", "handed_out", "since", "values"),
    [
        # Lost: the batch that the CA is about to look at.
        (True, [1], None, ["v"]),
        (True, [1, 2], None, ["v"]),
        (False, [1, 2], None, ["w"]),
        # Lost: what stood in a document that did not arrive.
        (False, [1, 2], 1, ["v", "w"]),
        (False, [1], None, ["v", "w"]),
        (False, [], None, ["v", "w"]),
    ],
)
def test_what_may_be_removed_since_the_last_document(
    alive: bool, handed_out: list[int], since: int | None, values: list[str]
) -> None:
    lines = [CHALLENGE, AWAIT, RESULT, CLEANUP, SECOND, SECOND_AWAIT]
    found = session_state.to_remove(seen(lines, alive=alive, handed_out=handed_out), since)
    assert found["txt"] == {"_acme-challenge.a.test": values}


def test_nothing_is_removed_before_certbot_has_done_with_it() -> None:
    assert session_state.to_remove(seen([CHALLENGE, AWAIT, RESULT], alive=True, handed_out=[1]))["txt"] == {}


def test_a_record_that_stays_is_never_listed_for_removal() -> None:
    """Guards against a tool that removes at the end all that it has published."""
    lasting = {**CHALLENGE, "id": "c2", "persist": True, "txt_domain": "_validation-persist.a.test", "validation": "p"}
    batch = {**AWAIT, "ids": ["c1", "c2"], "persist": {"_validation-persist.a.test": ["p"]}}
    waiting = session_state.document("s", seen([CHALLENGE, lasting, batch], alive=True), "finish s")
    assert waiting["persist"] == {"_validation-persist.a.test": ["p"]}
    ended = session_state.document("s", seen([CHALLENGE, lasting, batch, RESULT, CLEANUP], handed_out=[1]), "finish s")
    assert ended["remove"]["txt"] == {"_acme-challenge.a.test": ["v"]}
    assert "persist" not in ended


def test_a_server_name_that_is_published_again_stays() -> None:
    tls = [{"cmd": "perform_challenge", "id": one, "type": "tls-alpn-01", "z_domain": "a.test"} for one in ("c1", "c2")]
    hello = {"cmd": "hello", "leftover": [{**tls[0], "txt_domain": None, "uri": None}]}
    lines = [hello, tls[0], AWAIT, RESULT, CLEANUP, tls[1], {**SECOND_AWAIT, "tls": {"a.test": {}}}]
    again = seen(lines, alive=True, handed_out=[1])
    assert (session_state.to_remove(again)["tls"], session_state.leftover(again)["tls"]) == ([], [])
    over = seen([*lines, {**CLEANUP, "id": "c2"}], handed_out=[1])
    assert (session_state.to_remove(over)["tls"], session_state.leftover(over)["tls"]) == (["a.test"], ["a.test"])


@pytest.mark.parametrize(
    ("failed", "told"), [((), "--failed c1: an earlier finish reported this as published."), (("c1",), None)]
)
def test_what_was_answered_cannot_be_taken_back(failed: tuple[str, ...], told: str | None) -> None:
    answered = seen([CHALLENGE, AWAIT], alive=True, answered=1, failed=failed)
    with contextlib.nullcontext() if told is None else pytest.raises(UsageError, match=told):
        finish.refuse_answered(answered, ["c1"])


def test_the_command_names_the_batch() -> None:
    lines = [CHALLENGE, AWAIT, RESULT, CLEANUP, SECOND, SECOND_AWAIT]
    found = session_state.document("s", seen(lines, alive=True), "finish s")
    assert (found["batch"], found["message"].rpartition(": ")[2]) == (2, "finish s --batch 2")
    assert session_state.document("s", seen(lines), "finish s")["batch"] is None


TARGET = {"txt_target": "x.acme.test", "txt_zone": "acme.test"}


def test_where_a_record_belongs_is_told_beside_its_name() -> None:
    """Lost: the record, for a tool that writes at an alias (CNAME), where nothing can stand."""
    old = {**CHALLENGE, "validation": "old", "txt_target": "old.acme.test", "uri": None, "z_domain": None}
    plain = {**CHALLENGE, "id": "c2", "domain": "b.test", "txt_domain": "_acme-challenge.b.test"}
    batch = {**AWAIT, "ids": ["c1", "c2"]}
    lines = [{"cmd": "hello", "leftover": [old]}, {**CHALLENGE, **TARGET}, plain, batch]
    found = session_state.document("s", seen(lines, alive=True), "finish s")
    here = {"_acme-challenge.a.test": TARGET}
    assert (found["aliases"], found["leftover"]["aliases"]) == (
        here,
        {"_acme-challenge.a.test": {"txt_target": "old.acme.test"}},
    )
    assert [{key: each[key] for key in TARGET if key in each} for each in found["challenges"]] == [TARGET, {}]
    assert "aliases" not in found["remove"]
    over = session_state.document("s", seen([*lines, RESULT, CLEANUP], handed_out=[1]), "finish s")
    assert (over["remove"]["aliases"], "aliases" in over) == (here, False)


def test_a_document_without_aliases_is_as_before() -> None:
    found = session_state.document("s", seen([CHALLENGE, AWAIT], alive=True), "finish s")
    assert "aliases" not in {**found, **found["remove"], **found["leftover"], **found["challenges"][0]}


def test_what_was_handed_over() -> None:
    """Guards against: a deployed certificate of an earlier run that the document does not show as changed."""
    handed = {"name": "a.test", "changed": False, "deployed": True, "deploy_pending": False}
    assert session_state.handed_over([DEPLOY, summary(True, **handed)]) == {"a.test"}
    assert session_state.handed_over([DEPLOY, summary(False, **{**handed, "deployed": False})]) == set()
    assert session_state.handed_over([DEPLOY]) == session_state.handed_over([]) == set()


def test_where_the_certificate_for_a_request_is_saved() -> None:
    said = "Certificate is saved at:            /a b/cert.pem\n"
    both = (
        f"{said}Intermediate CA chain is saved at:  /chain.pem\nFull certificate chain is saved at: /full.pem\nThis\n"
    )
    paths = {"cert_path": "/a b/cert.pem", "chain_path": "/chain.pem", "fullchain_path": "/full.pem"}
    assert session_state.saved_for_request(f"Successfully received certificate.\n{both}") == paths
    # A lineage's.
    assert session_state.saved_for_request(f"{said}Key is saved at:         /key.pem\n") is None


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
        *((["certonly", "-n", flag], ["--external-auth-mode", "json"]) for flag in ("--standalone", "--dns-route53")),
        (["certonly", "-n", "-aexternal-auth"], ["--external-auth-mode", "json"]),
        (["certonly", "-n", "-a", "certbot-external-auth:out"], []),
    ],
)
def test_what_is_added_to_a_command_line(words: list[str], more: list[str]) -> None:
    found = begin.completed([*words, "--work-dir=w"], {"config-dir": "c", "work-dir": "x"})
    assert sorted(found[len(words) + 1 :]) == sorted([*more, "--config-dir", "c"])


@pytest.mark.parametrize("text", ["work-dir = /w", "# x\nwork-dir=/w  \n", "--work-dir /w", "work-dir: '/w'"])
def test_folders_are_those_of_cli_ini(text: str, tmp_path: Path) -> None:
    """Guards against: a session in another folder than the one in which the verbs search."""
    ini = tmp_path / "cli.ini"
    ini.write_text(f"email = a@b.example\n{text}\n")
    assert certbot_folders.found({}, [str(tmp_path / "none"), str(ini)]) == ("/etc/letsencrypt", "/w")
    assert certbot_folders.found({"work-dir": "/v"}, [str(ini)]) == ("/etc/letsencrypt", "/v")


def test_the_table_of_states_is_that_of_the_code() -> None:
    rows = [
        f"| `{name}` | {code.value} | {text.replace('{command}', 'finish')} |" for name, (code, text) in STATES.items()
    ]
    table = "\n".join(["| state | exit code | meaning |", "|---|---|---|", *rows])
    text = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
    shown = text.split("<!-- states:begin -->")[1].split("<!-- states:end -->")[0].strip()
    assert shown == table, f"docs/reference/exit-codes.md should have:\n{table}"


def test_a_deployment_is_confirmed() -> None:
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
            assert not talk.attend()
        thread.join(10)
    assert json.loads(answers[0] or b"")["ok"] is True


def test_a_certbot_that_stands_still_is_not_waited_for_for_ever() -> None:
    with tempfile.TemporaryDirectory() as folder:
        channel = SocketChannel(f"{folder}/s")
        with conversation.Conversation(f"{folder}/s") as talk:
            assert not talk.attend(limit=0.05)
        channel.finish()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """On record, with this process as its Certbot."""
    with session_records.alive(str(tmp_path), "/c") as opened:
        yield opened


@pytest.mark.parametrize(
    ("said", "reachable"), [([], True), ([{"cmd": "hello"}], False), ([{"cmd": "hello"}, summary(True)], True)]
)
def test_a_socket_that_is_gone_is_told_from_one_that_is_not_there_yet(
    session: Session, said: list[dict[str, Any]], reachable: bool
) -> None:
    """Guards against: a minute of waiting at each call for a Certbot that cannot be reached."""
    Path(session.folder, "lines").write_text("".join(json.dumps(line) + "\n" for line in said))
    if reachable:
        assert conversation.reached(session) is None
    else:
        with pytest.raises(conversation.UnreachableError, match=f"session {session.id}, {session.socket}, was removed"):
            conversation.reached(session)


def test_a_number_that_another_process_has_now_is_nobodys(tmp_path: Path) -> None:
    """Guards against: a signal to another program that has the pid of an earlier Certbot."""
    session, locks = session_records.locked(str(tmp_path), "/c")
    with subprocess.Popen(["sh", "-c", "cat; :"], stdin=subprocess.PIPE, pass_fds=locks) as shell:
        for lock in locks:
            os.close(lock)
        certbot_process.note(session, shell.pid)
        deadline = time.monotonic() + 30
        while (found := certbot_process.find(session).certbot) is None or found.parent != shell.pid:
            assert time.monotonic() < deadline
        noted = Path(session.folder, "process")
        noted.write_text(json.dumps({"pid": os.getpid(), "started": json.loads(noted.read_text())["started"]}))
        assert os.getpid() not in [one.pid for one in certbot_process.find(session).all]
        shell.communicate()


def test_two_who_look_do_not_take_each_other_for_certbot(tmp_path: Path) -> None:
    """Guards against: a session that has ended and seems open."""
    with session_records.alive(str(tmp_path), "/c") as session:
        assert store.alive(session)
    looking = os.open(f"{session.folder}/lock", os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert not store.alive(session)
    os.close(looking)


def test_the_deadline_is_the_sessions_and_no_flag(tmp_path: Path) -> None:
    """Guards against: a deadline of one session that later renewals keep."""
    for words, expected in ((["certonly"], 5.0), (["certonly", "--external-auth-ack-timeout", "7"], None)):
        opened = session_records.dead(str(tmp_path), str(tmp_path / "c"), words, 5)
        channel = SocketChannel(*session_record(opened.folder))
        assert (channel.deadline, channel.session) == (expected, True)
        assert "--external-auth-ack-timeout" not in begin.completed(["certonly"], {})
        channel.finish()


def test_names_are_those_of_the_certificate() -> None:
    given = ["certonly", "-d", "A.test, *.a.test.", "--ip-address", "2001:DB8:0::1"]
    assert begin._session(given, "/c", "/w").names == ("a.test", "*.a.test", "2001:db8::1")


def test_a_session_speaks_protocol_1_whatever_was_kept(session: Session) -> None:
    """Guards against: verbs that fail because the lines have no id."""
    channel = SocketChannel(*session_record(session.folder))
    stream = Stream(channel)
    stream.contact(0)
    assert [line["cmd"] for line in store.lines(session)] == ["hello"]
    channel.finish()


def test_who_uses_one_of_the_directories_is_named(tmp_path: Path) -> None:
    """Guards against: a host that waits for a session and does not learn for which one."""
    config_dir, link = tmp_path / "c", tmp_path / "link"
    link.symlink_to(config_dir)
    with session_records.alive(str(tmp_path / "w"), str(config_dir)) as session:
        # Certbot locks each of the two directories by itself.
        for config, work in ((link, "w"), (link, "other"), (tmp_path / "d", "w")):
            named = store.open_session(str(config), str(tmp_path / work))
            assert named is not None
            assert named.id == session.id
        assert store.open_session(str(tmp_path / "d"), str(tmp_path / "other")) is None
    assert store.open_session(str(link), str(tmp_path / "other")) is None


@pytest.mark.parametrize("waits", [True, False])
def test_who_is_kept_out_learns_until_when(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    line = {"cmd": "await", "ids": ["c1"], "deadline": "2026-11-24T12:50:33.912Z"}
    monkeypatch.setattr(store, "lines", lambda of: [line] if waits else [])
    assert session_document.locked(session) == 8
    found = documents.checked(capsys.readouterr().out, "begin", 8)
    assert (found["open"], found.get("until")) == (session.id, line["deadline"] if waits else None)
    assert ("2026-11-24T12:50:33.912Z" in found["message"]) is waits
    assert found["message"].endswith("or wait.")


def test_a_session_that_expired_is_told_of_more_time() -> None:
    assert "--deadline" in STATES["expired"][1]


def test_ctrl_c_is_told_in_a_sentence(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised, session_document.interruptible(session):
        raise KeyboardInterrupt
    assert raised.value.code == 130
    said = capsys.readouterr().err
    assert said.startswith(
        f"Interrupted; session {session.id} goes on. To see its state, run: certbot-external-auth status "
    )
    assert f"abort --work-dir {session.work_dir} {session.id}" in said


def test_a_name_that_is_a_verb_elsewhere_is_a_name() -> None:
    """Certbot takes the first one, too."""
    words = begin.completed(["certonly", "--cert-name", "renew"], {})
    assert "--no-random-sleep-on-renew" not in words
    assert "-a" not in begin.completed(["renew", "--cert-name", "run"], {})


@pytest.mark.parametrize("content", [b"", b'{"version": 2}'])
def test_a_record_that_cannot_be_read_goes_with_the_old_ones(session: Session, content: bytes) -> None:
    """As a power cut leaves it, or another version. Lost: a folder for each, for ever; or one that is in use."""
    dead = session_records.dead(session.work_dir, "/c")
    for one in session, dead:
        Path(one.folder, "session.json").write_bytes(content)
    Path(store.root(session.work_dir), "notes.txt").touch()
    store.forget_old(session.work_dir, time.time())
    assert Path(dead.folder).exists()
    store.forget_old(session.work_dir, time.time() + store.KEPT_SECONDS + 60)
    assert sorted(os.listdir(store.root(session.work_dir))) == sorted([session.id, "notes.txt"])


@pytest.mark.xdist_group("another user")  # They share a copy of the library.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize("words", [["status"], ["status", "SESSION"], ["finish", "SESSION"], ["abort", "SESSION"]])
def test_sessions_that_are_somebody_elses(words: list[str], for_another_user: dict[str, str]) -> None:
    """Guards against: a monitor without root's permissions that is told there are no sessions."""
    with tempfile.TemporaryDirectory() as work_dir:
        os.chmod(work_dir, 0o755)
        opened = session_records.dead(work_dir, f"{work_dir}/c")
        # Imported before it becomes another user, who may not be able to read this checkout.
        code = (
            "import sys\nfrom certbot_external_auth import cli\n"
            "from certbot_external_auth.sessions import abort, finish, status\n"
            f"{another_user.BECOME}sys.exit(cli.main())"
        )
        given = [opened.id if word == "SESSION" else word for word in words]
        command = [sys.executable, "-c", code, *given, "--work-dir", work_dir]
        ended = subprocess.run(command, env=for_another_user, capture_output=True, text=True, cwd="/")
        said = f"The sessions in {store.root(work_dir)} cannot be read: Permission denied.\n"
        assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", said), ended
        socket_place.remove(opened)


def runs() -> Iterator[list[dict[str, Any]]]:
    """Every run that was recorded."""
    for name in recordings.names():
        lines: list[dict[str, Any]] = []
        for line in recordings.of(name, 1):
            if line["seq"] == 1 and lines:
                yield lines
                lines = []
            lines.append(line)
        if lines:
            yield lines


def test_the_document_is_as_described_whenever_certbot_is_asked() -> None:
    """After each of its lines, whatever is noted beside them. Lost: what is to be removed, to a traceback."""
    count = 0
    for run in runs():
        for end, alive, answered, aborted in itertools.product(
            range(len(run) + 1), (True, False), (0, 1), (True, False)
        ):
            now = seen(run[:end], alive=alive, answered=answered, aborted=aborted, handed_out=[1][:answered])
            found = {**session_state.document("0" * 12, now, "finish"), "format_version": "1.0", "certificates": []}
            code = STATES[found["state"]][0]
            assert documents.complaint(found, "finish", code, "session") is None, (run[:end], found)
            # What has to be published is not to be removed.
            for name, values in found["txt"].items():
                assert not set(values) & set(found["remove"]["txt"].get(name, ()))
            count += 1
    assert count > 1000
