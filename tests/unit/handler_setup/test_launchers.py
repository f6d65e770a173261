"""Launchers that change the folder: a word behind them is the same file for the plugin as for them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line

FLAG = "--external-auth-handler"
ENV = shutil.which("env") or ""


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """The folder in which Certbot starts; a script of one name lies there and in the folder below it."""
    (tmp_path / "below").mkdir()
    for place in (tmp_path, tmp_path / "below"):
        (place / "hook").write_text('#!/bin/sh\necho "$0" in "$PWD" with "$@"\n')
        (place / "hook").chmod(0o755)
        (place / "zone.conf").touch()
    return tmp_path


def resolved(typed: str, cwd: Path) -> list[str]:
    return command_line.resolve_typed(typed, FLAG, str(cwd), os.environ["PATH"])


@pytest.mark.parametrize(
    "options",
    [
        *("-C below", "-Cbelow", "-C ./below", "-C {cwd}/below", "-iC below", "-vC below", "-u X -C below"),
        *("--chdir=below", "--chdir below", "--ch=below", "-C elsewhere -C below", "-C below --", "-i -C below A=b"),
        *("--unset X --chdir below", "-uX -C below A=b B=/c"),
    ],
)
def test_behind_env_a_word_is_a_file_of_its_folder(cwd: Path, options: str) -> None:
    """Lost: the hook itself, for another one of that name where Certbot starts, or where a timer starts it."""
    words = resolved(f"env {options.format(cwd=cwd)} ./hook zone.conf", cwd)
    below = cwd / "below"
    assert words[-2:] == [str(below / "hook"), str(below / "zone.conf")]
    # env itself agrees, wherever a timer starts it.
    ended = subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == f"{below}/hook in {below} with {below}/zone.conf\n"


def test_what_is_kept_needs_no_folder(cwd: Path) -> None:
    words = resolved("env -C below ./hook", cwd)
    assert command_line.kept_words(command_line.keep(words), FLAG, None) == tuple(words)
    assert words == [ENV, "-C", f"{cwd}/below", f"{cwd}/below/hook"]


@pytest.mark.parametrize("typed", ["env ./hook -C below", "env A=-C ./hook", "env -u -C ./hook", "env -- ./hook -C x"])
def test_what_is_not_envs_is_left_alone(cwd: Path, typed: str) -> None:
    words = resolved(typed, cwd)
    assert f"{cwd}/hook" in words
    assert words[1:] == [word.replace("./hook", f"{cwd}/hook") for word in shlex.split(typed)[1:]]


@pytest.mark.parametrize(
    ("typed", "launcher", "option"),
    [
        ("sudo -D below ./hook", "sudo", "-D"),
        ("sudo -nD below ./hook", "sudo", "-nD"),
        ("sudo -u mail -Dbelow ./hook", "sudo", "-Dbelow"),
        ("sudo --chdir=below ./hook", "sudo", "--chdir"),
        ("sudo -R / ./hook", "sudo", "-R"),
        ("systemd-run --working-directory=below ./hook", "systemd-run", "--working-directory"),
        ("systemd-run -p WorkingDirectory=/x ./hook", "systemd-run", "WorkingDirectory"),
        ("systemd-run --property=RootDirectory=/x ./hook", "systemd-run", "--property"),
        ("nice -n 5 env -C below ./hook", "env", "-C"),
        ("nice -n5 env -C below ./hook", "env", "-C"),
        ("sudo -n env -C below ./hook", "env", "-C"),
        ("sudo -u www -- env --chdir=below ./hook", "env", "--chdir"),
        ("env A=b nice sudo -D below ./hook", "sudo", "-D"),
        ("env -S '-C below ./hook'", "env", "-S"),
    ],
)
def test_a_folder_that_another_launcher_changes_to_is_refused(
    cwd: Path, typed: str, launcher: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against: another file than the one that is meant, run as root."""
    with pytest.raises(UsageError) as caught:
        resolved_with(cwd, typed, monkeypatch)
    (problem,) = caught.value.problems
    assert f"{option} lets {launcher} change to another folder" in problem
    assert "env -C" in problem


def resolved_with(cwd: Path, typed: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """With launchers on PATH that this machine may lack, and a program that has a user's name."""
    programs = cwd / "programs"
    programs.mkdir()
    for name in ("sudo", "systemd-run", "mail", "doas", "runuser"):
        (programs / name).touch(0o755)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{programs}")
    return resolved(typed, cwd)


@pytest.mark.parametrize(
    "typed",
    [
        *("sudo -u www ./hook -D x", "sudo -n -- ./hook -R x", "sudo A=b ./hook --chdir=x", "doas -C x ./hook"),
        *("runuser -u www -- ./hook -C x", "nice -n 5 ./hook -C x", "timeout 5 ./hook WorkingDirectory=/x"),
        *("systemd-run --wait -p User=www ./hook", "sudo ./hook"),
    ],
)
def test_other_options_are_not(cwd: Path, typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{cwd}/hook" in resolved_with(cwd, typed, monkeypatch)


def test_a_folder_that_is_not_there(cwd: Path) -> None:
    with pytest.raises(UsageError, match="elsewhere, the folder of env -C, does not exist"):
        resolved("env -C elsewhere ./hook", cwd)
