"""What a handler published as another user is withdrawn as that user, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth import cli, journal
from certbot_external_auth.dialects import BUILT_IN
from certbot_external_auth.journal import Entry, entry
from certbot_external_auth.recovery import by_hand
from certbot_external_auth.recovery.reasons import Kind
from tests.support.another_user import NAME, NOBODY
from tests.unit.recovery.test_withdrawal import calls, hook, left, withdraw

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
SAYS = '#!/bin/sh\necho "$1 $(id -u) $HOME" >>"$(dirname "$0")/calls"\n'


@pytest.fixture(autouse=True)
def _as_a_process_that_has_touched_nothing() -> Iterator[None]:
    journal.touched.clear()
    yield
    journal.touched.clear()


def batch(folder: Path, who: str = NAME) -> Entry:
    words = (hook(folder / "hooks" / "h", SAYS),)
    (folder / "hooks" / "calls").touch()
    (folder / "hooks" / "calls").chmod(0o666)
    return left(folder, words, run_as=who)


@ROOT_ONLY
def test_a_batch_is_withdrawn_as_the_user_that_published_it(open_folder: Path) -> None:
    batch(open_folder)
    assert len(withdraw(open_folder).withdrawn) == 1
    assert calls(open_folder) == [f"clean_challenge {NOBODY} /nonexistent"]


@ROOT_ONLY
def test_without_its_user_nothing_is_called_and_that_is_said(open_folder: Path) -> None:
    """Guards against: a script that runs as root, since the package that made its user was removed."""
    batch(open_folder, "qqqqqq")
    for by_a_person in (False, True):
        journal.touched.clear()
        outcome = withdraw(open_folder, by_hand=by_a_person)
        (reason,) = outcome.reasons.values()
        assert (outcome.withdrawn, reason.kind) == ([], Kind.NOT_PREPARED)
        assert "there is no user 'qqqqqq' on this machine" in reason.facts["text"]
    assert calls(open_folder) == []


@ROOT_ONLY
@pytest.mark.parametrize(("who", "expected"), [(NAME, [f"clean_challenge {NOBODY} /nonexistent"]), ("qqqqqq", [])])
def test_the_commands_to_paste_become_the_user(open_folder: Path, who: str, expected: list[str]) -> None:
    found = batch(open_folder, who)
    text = "\n".join(by_hand.commands(found, str(open_folder / "work")))
    ended = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode == 0, calls(open_folder)) == (bool(expected), expected), ended
    assert bool(journal.read_all(str(open_folder / "work")).left) is not bool(expected)


@ROOT_ONLY
def test_a_program_that_is_called_by_hand_has_none_of_roots_groups(tmp_path: Path) -> None:
    secrets = tmp_path / "env"
    secrets.write_text("SECRET=of the file\n")
    secrets.chmod(0o600)
    pid = os.fork()
    if not pid:
        os.dup2(os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT, 0o644), 1)
        os.chdir("/")
        words = ["--env-file", str(secrets), "--", "sh", "-c", 'echo "$(id -u) $(id -G) $SECRET"']
        os._exit(cli.main(["call", "--run-as", f"{NAME}:games", *words]))
    assert os.waitpid(pid, 0)[1] == 0
    assert (tmp_path / "out").read_text() == f"{NOBODY} 60 of the file\n"


def test_the_user_is_kept_in_the_journal_and_no_earlier_version_calls_as_root(tmp_path: Path) -> None:
    """Earlier versions ignore members that they do not know, and call nothing in a dialect that they do not know."""
    found = left(tmp_path, (hook(tmp_path / "hooks" / "h"),), run_as=NAME)
    data = entry.encode(found)
    assert entry.decode(data).handler == found.handler
    assert json.loads(data)["handler"]["dialect"] not in BUILT_IN
    for changed in (data.replace(b'"run_as"', b'"unknown"'), data.replace(b"+run-as", b"")):
        with pytest.raises(entry.EntryError):
            entry.decode(changed)


def test_an_entry_of_an_earlier_version_has_no_user(tmp_path: Path) -> None:
    found = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    assert entry.decode(entry.encode(found).replace(b'"run_as"', b'"unknown"')) == found
