"""The verb `recover`: its document, its exit codes, and what it shows of what is left, running, or unreadable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth import cli, journal
from tests.support import documents
from tests.unit.recovery.test_withdrawal import calls, hook, left


@pytest.fixture(autouse=True)
def _as_a_process_that_has_touched_nothing() -> None:
    journal.touched.clear()


def recover(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["recover", "--work-dir", str(tmp_path / "work"), *words])
    return code, capsys.readouterr().out


def document(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code, printed = recover(tmp_path, capsys, "--json", *words)
    return code, documents.checked(printed, "recover", code)


def described(entry: journal.Entry, handler: str, **more: object) -> dict[str, Any]:
    (challenge,) = entry.challenges
    return {
        "batch": entry.id,
        "since": entry.written,
        "mode": "handler",
        "lineage": "a.test",
        "config_dir": "/etc/le",
        "handler": [handler],
        "provider": None,
        "dialect": "dehydrated",
        "attempts": 0,
        "challenges": [
            {
                "type": "dns-01",
                "domain": "a.test",
                "identifier_type": "dns",
                "txt_domain": "_acme-challenge.a.test",
                "validation": challenge.validation,
            }
        ],
        **more,
    }


def reduced(found: dict[str, Any]) -> dict[str, Any]:
    """A batch without what its challenges have beside the facts above."""
    keys = ("type", "domain", "identifier_type", "txt_domain", "validation")
    challenges = [{key: each[key] for key in keys} for each in found["challenges"]]
    return {**{key: value for key, value in found.items() if key != "commands"}, "challenges": challenges}


def test_what_is_left_is_listed_shown_called_and_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = hook(tmp_path / "hooks" / "h")
    entry = left(tmp_path, (handler,))
    for words in (["--list"], ["--dry-run"]):
        code, found = document(tmp_path, capsys, *words)
        assert (code, found["withdrawn"], found["running"], found["set_aside"]) == (0, [], [], [])
        (batch,) = found["left"]
        assert reduced(batch) == described(entry, handler)
        assert any("clean_challenge" in command for command in batch["commands"])
    code, shown = recover(tmp_path, capsys, "--dry-run")
    assert shown.startswith("Would call for a.test:\n  ")
    code, shown = recover(tmp_path, capsys, "--list")
    assert (code, "\nOr remove it by hand:\n  " in shown) == (0, True)
    assert calls(tmp_path) == []
    code, found = document(tmp_path, capsys)
    assert (code, found["left"]) == (0, [])
    assert [batch["batch"] for batch in found["withdrawn"]] == [entry.id]
    assert len(calls(tmp_path)) == 1
    assert recover(tmp_path, capsys) == (0, "Nothing is left behind.\n")
    assert document(tmp_path, capsys)[1]["withdrawn"] == []


def test_a_handler_that_fails_leaves_it_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODE", "3")
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    code, found = document(tmp_path, capsys)
    assert (code, found["withdrawn"]) == (1, [])
    assert [(batch["batch"], batch["attempts"]) for batch in found["left"]] == [(entry.id, 1)]
    assert "exit code 3" in found["left"][0]["challenges"][0]["reason"]
    assert recover(tmp_path, capsys, "--list")[0] == 0
    monkeypatch.setenv("CODE", "0")
    journal.touched.clear()
    code, shown = recover(tmp_path, capsys, entry.id)
    assert (code, shown.startswith("Withdrawn: ")) == (0, True)


def test_only_what_is_named_and_only_of_one_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (left(tmp_path, (hook(tmp_path / "hooks" / "h"),)) for _ in range(2))
    assert {one["batch"] for one in document(tmp_path, capsys, "--list")[1]["left"]} == {first.id, second.id}
    assert [one["batch"] for one in document(tmp_path, capsys, "--list", second.id)[1]["left"]] == [second.id]
    assert document(tmp_path, capsys, "--list", "--config-dir", "/elsewhere")[1]["left"] == []
    assert len(document(tmp_path, capsys, "--list", "--config-dir", "/etc/le")[1]["left"]) == 2
    assert cli.main(["recover", "--work-dir", str(tmp_path / "work"), "nothing"]) == 2
    assert "nothing is not in the journal" in capsys.readouterr().err
    assert document(tmp_path, capsys, first.id)[0] == 0
    assert [one["batch"] for one in document(tmp_path, capsys, "--list")[1]["left"]] == [second.id]


def test_what_a_person_removed_is_confirmed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    code, shown = recover(tmp_path, capsys, "--confirm", entry.id)
    assert (code, shown.startswith("Confirmed: "), calls(tmp_path)) == (0, True, [])
    assert recover(tmp_path, capsys, "--list") == (0, "Nothing is left behind.\n")
    other = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    code, found = document(tmp_path, capsys, "--confirm", other.id)
    assert (code, [one["batch"] for one in found["withdrawn"]], found["left"]) == (0, [other.id], [])


def test_what_another_process_works_on_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    path = next(Path(journal.folder(str(tmp_path / "work"))).glob(f"*{entry.id}*"))
    holder = (
        "import fcntl,sys;f=open(sys.argv[1],'rb');fcntl.flock(f,fcntl.LOCK_EX);print(1,flush=True);sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        code, found = document(tmp_path, capsys)
        assert (code, found["left"], [one["batch"] for one in found["running"]]) == (0, [], [entry.id])
        code, shown = recover(tmp_path, capsys)
        assert shown == "Left alone, because another process works on these names: a.test\n"
        process.communicate()
    assert calls(tmp_path) == []


def test_a_damaged_file_is_set_aside_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    folder = Path(journal.folder(str(tmp_path / "work")))
    (path,) = (one for one in folder.iterdir() if one.is_file())
    path.write_text("{")
    code, shown = recover(tmp_path, capsys)
    first, *more = shown.splitlines()
    assert code == 1
    assert first.startswith(f"Skipped: {folder}/")
    assert first.count(": ") > 1, "the first to read it learns what is wrong"
    assert len(more) == 1
    code, found = document(tmp_path, capsys)
    assert (code, [os.path.dirname(one) for one in found["set_aside"]]) == (1, [str(folder)])


def test_call_becomes_a_command_with_the_variables_of_a_handler(tmp_path: Path) -> None:
    """`recover` prints commands that begin with it, so that no secret stands in them."""
    secrets = tmp_path / "env"
    secrets.write_text('SECRET="a b"\n')
    secrets.chmod(0o600)
    config = tmp_path / "config"
    config.write_text("export ZONE=z\nHOOK=/bin/true\n")
    words = [
        "--env-file",
        str(secrets),
        "--dehydrated-config",
        str(config),
        "--",
        "/bin/sh",
        "-c",
        'echo "$SECRET $ZONE"',
    ]
    start = [sys.executable, "-m", "certbot_external_auth.cli", "call"]
    ended = subprocess.run([*start, *words], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "a b z\n", "")
    ended = subprocess.run([*start, "--", "/bin/sh", "-c", "exit 7"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 7
    ended = subprocess.run([*start, "--", "/none"], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (127, "/none cannot be started: No such file or directory\n")


@pytest.mark.parametrize(("content", "mode"), [("X=1\n", 0o644), ("not a line\n", 0o600), (None, 0o600)])
def test_call_refuses_an_env_file_as_a_run_does(
    tmp_path: Path, content: str | None, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "env"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    assert cli.main(["call", "--env-file", str(path), "--", "/none"]) == 2
    assert str(path) in capsys.readouterr().err
