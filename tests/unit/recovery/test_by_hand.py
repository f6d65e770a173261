"""The commands that `recover` prints, pasted into a shell: they do what a recovery does, and no more than it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest

from certbot_external_auth import cli, journal
from certbot_external_auth.handler_setup import dehydrated_config
from certbot_external_auth.journal import Entry
from certbot_external_auth.recovery import by_hand
from tests.unit.recovery.test_withdrawal import hook, left, withdraw

SAYS = '#!/bin/sh\necho "$*|$SECRET|$MORE|$BASEDIR" >>"$(dirname "$0")/calls"\n'


def pasted(tmp_path: Path, entry: Entry) -> subprocess.CompletedProcess[str]:
    """Return all commands as a person copies them from the screen."""
    text = "\n".join(by_hand.commands(entry, str(tmp_path / "work")))
    environment = {"PATH": os.environ["PATH"], "HOME": "/"}
    return subprocess.run(["sh"], input=text, env=environment, capture_output=True, text=True, timeout=60, check=False)


def known(tmp_path: Path) -> bool:
    return bool(journal.read_all(str(tmp_path / "work")).left)


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "hooks" / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_a_configuration_is_read_as_a_run_reads_it(tmp_path: Path) -> None:
    """Guards against: a call without the defaults and CONFIG_D, after which the entry is deleted anyway."""
    (tmp_path / "more.d").mkdir()
    config = tmp_path / "config"
    texts = {
        "config": 'CONFIG_D="$BASEDIR/more.d"\n. "$BASEDIR/secret"\n',
        "secret": "export SECRET=xyzzy\n",
        "more.d/a.sh": 'export MORE="$SECRET and more"\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    files = dehydrated_config.read(str(config)).files
    path = hook(tmp_path / "hooks" / "h", SAYS)
    left(tmp_path, (path,), dehydrated_config=str(config), config_files=files)
    (entry,) = journal.read_all(str(tmp_path / "work")).left
    assert "xyzzy" not in str(by_hand.commands(entry, str(tmp_path / "work")))
    assert pasted(tmp_path, entry).returncode == 0
    (call,) = calls(tmp_path)
    assert (known(tmp_path), call.split("|")[1:3]) == (False, ["xyzzy", "xyzzy and more"])
    # The same as the recovery does.
    left(tmp_path, (path,), dehydrated_config=str(config), config_files=files)
    assert len(withdraw(tmp_path).withdrawn) == 1
    assert calls(tmp_path) == [call, call]
    # If the configuration cannot be read any more, the entry is not deleted.
    left(tmp_path, (path,), dehydrated_config=str(config), config_files=files)
    (entry,) = journal.read_all(str(tmp_path / "work")).left
    (tmp_path / "secret").unlink()
    ended = pasted(tmp_path, entry)
    assert (ended.returncode != 0, known(tmp_path), len(calls(tmp_path))) == (True, True, 2)


def test_a_configuration_uses_the_env_file(tmp_path: Path) -> None:
    """Lost: what a recovery must withdraw, where the configuration needs a variable that only the run had."""
    config, env = tmp_path / "config", tmp_path / "env"
    for path, text in ((config, 'export SECRET="$GIVEN and more"\n'), (env, "GIVEN=hunter2hunter2\n")):
        path.touch(0o600)
        path.write_text(text)
    path_of_hook = hook(tmp_path / "hooks" / "h", SAYS)
    how = {"dehydrated_config": str(config), "env_file": str(env)}
    one = left(tmp_path, (path_of_hook,), config_files=(str(config),), **how)
    assert pasted(tmp_path, one).returncode == 0
    left(tmp_path, (path_of_hook,), config_files=(str(config),), **how)
    assert len(withdraw(tmp_path).withdrawn) == 1
    assert [call.split("|")[1] for call in calls(tmp_path)] == ["hunter2hunter2 and more"] * 2


def test_an_env_file_is_read_too(tmp_path: Path) -> None:
    env = tmp_path / "env"
    env.write_text("SECRET=hunter2hunter2\n")
    env.chmod(0o600)
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h", SAYS),), env_file=str(env))
    assert pasted(tmp_path, entry).returncode == 0
    assert [call.split("|")[1] for call in calls(tmp_path)] == ["hunter2hunter2"]


def test_words_of_its_own_reach_the_handler(tmp_path: Path) -> None:
    """Also what an argument parser would take for its own."""
    env = tmp_path / "env"
    env.write_text("SECRET=x\n")
    env.chmod(0o600)
    path = hook(tmp_path / "hooks" / "h", SAYS)
    entry = left(tmp_path, (path, "--env-file", "-x"), dialect="lego-raw", env_file=str(env))
    assert pasted(tmp_path, entry).returncode == 0
    (call,) = calls(tmp_path)
    assert call.split("|")[0].startswith("--env-file -x cleanup -- a.test ")


@pytest.mark.parametrize("dialect", ["certbot", "foreign", "dehydrated"])
def test_a_newline_in_a_word_is_not_the_end_of_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dialect: str
) -> None:
    """Guards against: a handler's word that leaves its comment and is run, or gets blanks of the text's own."""
    word = f"x\ntouch {tmp_path}/pwned #"
    path = hook(tmp_path / "hooks" / "h", SAYS)
    entry = left(tmp_path, (path, word), dialect=dialect)
    if dialect == "certbot":
        entry = dataclasses.replace(entry, handler=dataclasses.replace(entry.handler, cleanup_words=(path, word)))
        held = journal.claim(str(tmp_path / "work"), entry)
        assert held is not None
        held.store(entry)
        held.release()
    pasted(tmp_path, entry)
    assert not (tmp_path / "pwned").exists()
    assert known(tmp_path) is (dialect != "dehydrated")
    left(tmp_path, (path, word), dialect=dialect)
    cli.main(["recover", "--list", "--work-dir", str(tmp_path / "work")])
    text = capsys.readouterr().out.rpartition("Or remove it by hand:\n")[2]
    (tmp_path / "hooks" / "calls").unlink(missing_ok=True)
    subprocess.run(["sh"], input=text, text=True, timeout=60, check=False, capture_output=True)
    assert not (tmp_path / "pwned").exists()
    if dialect == "dehydrated":
        assert (tmp_path / "hooks" / "calls").read_text().startswith(word)


@pytest.mark.parametrize("names", [("a.test",), ("a.test", "b.test")])
def test_after_a_call_that_fails_nothing_is_done(tmp_path: Path, names: tuple[str, ...]) -> None:
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h", f"{SAYS}exit 7\n"),), names=names)
    assert pasted(tmp_path, entry).returncode == 7
    assert (known(tmp_path), len(calls(tmp_path))) == (True, 1)


KNOWS_LITTLE = '[ "$1" = cleanup ] || { echo NotImplemented; exit 85; }\n'
ALL_DECLINE, ONE_DOES, ONE_FAILS = {"a": 42, "b": 42}, {"a": 42, "b": 0}, {"a": 42, "b": 3}


@pytest.mark.parametrize(
    ("dialect", "codes", "forgotten"),
    [("acmetool", ALL_DECLINE, True), ("acmetool", ONE_DOES, True), ("acmetool", ONE_FAILS, False)],
)
def test_a_folder_of_hooks_counts_as_in_a_recovery(
    tmp_path: Path, dialect: str, codes: dict[str, int], forgotten: bool
) -> None:
    for name, code in codes.items():
        hook(tmp_path / "hooks" / name, f"#!/bin/sh\nexit {code}\n")
    entry = left(tmp_path, (str(tmp_path / "hooks"),), dialect=dialect)
    assert (pasted(tmp_path, entry).returncode == 0, not known(tmp_path)) == (forgotten, forgotten)
    if not forgotten:
        assert len(withdraw(tmp_path).left) == 1


def test_what_a_handler_does_not_know_stops_nothing(tmp_path: Path) -> None:
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h", SAYS + KNOWS_LITTLE),), dialect="native")
    ended = pasted(tmp_path, entry)
    assert (ended.returncode, known(tmp_path)) == (0, False), ended
    # Done by its own client, whose hooks may end as they like.
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h", f"{SAYS}exit 9\n"),), dialect="uacme")
    assert (pasted(tmp_path, entry).returncode, known(tmp_path)) == (0, False)


def test_where_nobody_can_be_called_the_journal_does_not_forget(tmp_path: Path) -> None:
    """A mode or a dialect of a package that is gone: its lines are comments."""
    for one in (
        left(tmp_path, (), mode="foreign"),
        left(tmp_path, (hook(tmp_path / "hooks" / "h"),), dialect="foreign"),
    ):
        assert all(line.startswith("#") for line in by_hand.commands(one, str(tmp_path / "work")))
