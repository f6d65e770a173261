"""A person who removed challenges by hand can confirm it, and need not delete a file of the journal."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth import journal
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import UsageError
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.protocol import lines
from certbot_external_auth.recovery import confirmation


def challenge(name: str) -> Challenge:
    token = name[0] * 43
    return Challenge(f"c-{name}", "dns-01", name, "dns", token, f"{token}.{'k' * 43}")


def left(work_dir: Path, *names: str, mode: str = "json") -> Entry:
    """A batch that a dead run has left."""
    entry = Entry(journal.new_id(), "2026-01-01T00:00:00.000Z", mode, "/c", challenges=tuple(map(challenge, names)))
    journal.Held.new(str(work_dir), entry).release()
    return entry


def there(work_dir: Path) -> list[list[str]]:
    return [[one.identifier for one in entry.challenges] for entry in journal.read_all(str(work_dir)).left]


def recover(work_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "certbot_external_auth", "recover", "--work-dir", str(work_dir), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_batch_is_confirmed_by_its_name(tmp_path: Path) -> None:
    """Guards against: reminders that end only if a person deletes a file of the plugin."""
    entry, two = left(tmp_path, "a.test", "b.test"), left(tmp_path, "c.test", mode="manual")
    listed = recover(tmp_path, "--list").stdout
    assert f"--confirm {entry.id}" in listed
    ended = recover(tmp_path, "--confirm", entry.id, "--json")
    assert ended.returncode == 0, ended
    assert [batch["batch"] for batch in json.loads(ended.stdout)["withdrawn"]] == [entry.id]
    assert there(tmp_path) == [["c.test"]]
    assert "_acme-challenge.c.test" in recover(tmp_path, "--confirm", two.id).stdout
    assert there(tmp_path) == []


def test_wrong_use_confirms_nothing(tmp_path: Path) -> None:
    entry = left(tmp_path, "a.test")
    for words in ((), ("0" * 32,), (entry.id, "0" * 32)):
        assert recover(tmp_path, "--confirm", *words).returncode == 2
    held = journal.claim(str(tmp_path), entry)
    assert held is not None
    with pytest.raises(UsageError):
        confirmation.batches(str(tmp_path), [entry.id])
    held.release()
    assert there(tmp_path) == [["a.test"]]


def test_a_session_confirms_what_it_has_named_and_nothing_else(tmp_path: Path) -> None:
    left(tmp_path, "a.test", "b.test")
    left(tmp_path, "a.test", mode="handler")
    # The same name, published by another run.
    other = dataclasses.replace(challenge("a.test"), token="x" * 43, key_authorization=f"{'x' * 43}.{'k' * 43}")
    confirmation.published(str(tmp_path), [lines.perform_challenge(other)])
    assert sorted(there(tmp_path)) == [["a.test"], ["a.test", "b.test"]]
    confirmation.published(str(tmp_path), [lines.perform_challenge(challenge("a.test"))])
    assert sorted(there(tmp_path)) == [["a.test"], ["b.test"]]
    confirmation.published(str(tmp_path), [lines.perform_challenge(challenge("b.test"))])
    assert there(tmp_path) == [["a.test"]]
    assert len(os.listdir(journal.folder(str(tmp_path)))) == 1
