"""Calling a notifier: real programs, of every kind."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from certbot_external_auth.notification import notifier
from certbot_external_auth.notification.notifier import Notifier
from certbot_external_auth.notification.trouble import Stage, Trouble
from tests.support import documents

TROUBLE = Trouble("a.test", ("a.test", "*.a.test"), Stage.RENEW, "challenge.not_visible", "It is not there.\nMore.")


def script(folder: Path, text: str) -> str:
    path = folder / "tell me.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def other(name: str) -> Trouble:
    return Trouble(name, (), Stage.ISSUE, "usage", "x")


def test_the_document_and_the_sentence(tmp_path: Path) -> None:
    words = (script(tmp_path, 'cat >"$1.json"; printf %s "$summary" >"$1.txt"'), str(tmp_path / "told"))
    Notifier().tell(words, TROUBLE)
    told = documents.checked((tmp_path / "told.json").read_text(), "notify")
    assert told == {
        "format_version": "1.0",
        "kind": "failure",
        "lineage": "a.test",
        "names": ["a.test", "*.a.test"],
        "stage": "renew",
        "code": "challenge.not_visible",
        "message": "It is not there.\nMore.",
    }
    assert (tmp_path / "told.txt").read_text() == "The certificate a.test was not renewed: It is not there."


def test_it_has_a_path_without_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH", "HOME", "LANG", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    Notifier().tell((script(tmp_path, 'env | sort >"$1"'), str(tmp_path / "env")), TROUBLE)
    found = dict(line.partition("=")[::2] for line in (tmp_path / "env").read_text().splitlines())
    assert found["PATH"].endswith("/bin")
    assert found["summary"].startswith("The certificate a.test")


def test_each_certificate_is_told_once(tmp_path: Path) -> None:
    words = (script(tmp_path, 'echo "$summary" >>"$1"'), str(tmp_path / "told"))
    one = Notifier()
    for trouble in (TROUBLE, other("b.test"), TROUBLE, other("a.test")):
        one.tell(words, trouble)
    assert len((tmp_path / "told").read_text().splitlines()) == 2


def test_after_one_that_takes_too_long_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notifier, "LIMIT_SECONDS", 0.2)
    words = (script(tmp_path, 'echo x >>"$1"; exec sleep 60'), str(tmp_path / "told"))
    one = Notifier()
    one.tell(words, TROUBLE)
    one.tell(words, other("b.test"))
    assert (tmp_path / "told").read_text() == "x\n"
    assert "It is not called again by this process" in caplog.text


@pytest.mark.parametrize("text", ["exit 3", "kill -9 $$", "exec 0<&-; exit 0", "echo said; false"])
def test_a_notifier_that_fails_changes_nothing(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one = Notifier()
    one.tell((script(tmp_path, text),), Trouble("a.test", (), Stage.ISSUE, "usage", "x" * 200_000))
    one.tell((str(tmp_path / "none"),), other("b.test"))
    one.tell(("\0",), other("c.test"))
    assert "tell me.sh" in caplog.text or "exit 0" in text
    assert "could not be" in caplog.text


def test_a_long_message_is_cut_for_the_sentence_only() -> None:
    from certbot_external_auth.notification.trouble import document, summary

    long = Trouble("a.test", (), Stage.DEPLOY, "deploy.failed", "w" * 4000)
    assert len(summary(long)) == 300
    assert summary(long).startswith("The certificate a.test is saved, but was not handed over: www")
    assert len(json.dumps(document(long))) > 4000
