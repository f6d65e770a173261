"""Users as whom programs run: how they are found, and what a program of theirs has."""

from __future__ import annotations

import dataclasses
import grp
import os
import pwd
import time
from pathlib import Path

import pytest

from certbot_external_auth.processes import account, runner, running
from certbot_external_auth.processes.account import Account, Missing, UnknownAccountError
from tests.support import another_user
from tests.support.another_user import GROUP, NAME

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
NOBODY = Account(NAME, another_user.NOBODY, another_user.NOBODY, (another_user.NOBODY,), "/nonexistent")


def test_a_user_is_found_by_name_and_by_number() -> None:
    user = pwd.getpwnam(NAME)
    for text in (NAME, str(user.pw_uid)):
        found = account.find(text)
        assert (found.name, found.uid, found.gid, found.home) == (NAME, user.pw_uid, user.pw_gid, user.pw_dir)
        assert found.groups == tuple(dict.fromkeys((user.pw_gid, *os.getgrouplist(NAME, user.pw_gid))))
    assert found.variables == {"HOME": user.pw_dir, "USER": NAME, "LOGNAME": NAME}


def test_a_group_that_was_named_takes_the_place_of_the_users_own() -> None:
    gid = grp.getgrnam(GROUP).gr_gid
    for text in (f"{NAME}:{GROUP}", f"{NAME}:{gid}"):
        assert (account.find(text).gid, account.find(text).groups[0]) == (gid, gid)


def test_groups_are_never_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a program with root's groups, under a Python 3.12 that ignores an empty list."""
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [])
    assert account.find(NAME).groups


@pytest.mark.parametrize(
    ("text", "missing", "name", "near"),
    [
        ("nobdy", Missing.USER, "nobdy", NAME),
        ("4294967295", Missing.USER, "4294967295", ""),
        ("٣", Missing.USER, "٣", ""),
        (f"{NAME}:gmes", Missing.GROUP, "gmes", GROUP),
        (f"{NAME}:", Missing.FORM, f"{NAME}:", ""),
        (":games", Missing.FORM, ":games", ""),
        ("", Missing.FORM, "", ""),
        ("a\0b", Missing.FORM, "a\0b", ""),
    ],
)
def test_who_is_not_known(text: str, missing: Missing, name: str, near: str) -> None:
    with pytest.raises(UnknownAccountError) as raised:
        account.find(text)
    assert (raised.value.missing, raised.value.name, raised.value.near) == (missing, name, near)


# --- programs ---


def script(folder: Path, body: str, mode: int = 0o755) -> str:
    path = folder / "script"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(mode)
    return str(path)


def run(path: str, who: Account = NOBODY, **options: object) -> tuple[runner.Ended, list[str]]:
    said: list[str] = []
    environment = {"PATH": os.environ["PATH"]}
    ended = runner.run([path], environment=environment, say=said.append, account=who, **options)  # type: ignore[arg-type]
    return ended, said


@ROOT_ONLY
def test_a_program_has_the_users_ids_and_groups_and_none_of_roots(open_folder: Path) -> None:
    """Guards against: a script of another user that can read what root's groups can."""
    os.setgroups([0, 4])
    try:
        path = script(open_folder, "grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status")
        _, said = run(path, dataclasses.replace(NOBODY, gid=60, groups=(60, 100)))
    finally:
        os.setgroups([0])
    values = {line.split(":")[0]: line.split(":")[1].split() for line in said}
    assert values == {
        "Uid": ["65534"] * 4,
        "Gid": ["60"] * 4,
        "Groups": ["60", "100"],
        "CapEff": ["0000000000000000"],
    }


@ROOT_ONLY
def test_it_can_open_its_pipes_again_by_their_names(open_folder: Path) -> None:
    """Guards against: "cannot create /dev/stderr: Permission denied", from a script that works as root."""
    path = script(open_folder, "cat </dev/stdin >/dev/stdout; echo told >/dev/stderr")
    ended, said = run(path, stdin=b"document\n")
    assert (ended.code, sorted(said)) == (0, ["document", "told"])


@ROOT_ONLY
def test_the_time_limit_ends_a_daemon_of_that_user(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.2)
    pids = open_folder / "pids"
    pids.touch()
    os.chown(pids, another_user.NOBODY, another_user.NOBODY)
    body = f"trap '' TERM; setsid sh -c 'echo $$ >>\"{pids}\"; exec sleep 600' & echo $$ >>'{pids}'; sleep 600"
    ended, _ = run(script(open_folder, body), limit=1.0)
    assert ended.timed_out
    started = [int(line) for line in pids.read_text().split()]
    assert len(started) == 2
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@ROOT_ONLY
def test_a_program_that_the_user_cannot_start_leaves_nothing_open(open_folder: Path) -> None:
    path = script(open_folder, "exit 0", mode=0o700)
    before = len(os.listdir("/proc/self/fd"))
    ended, _ = run(path, stdin=b"document")
    assert (ended.refused, len(os.listdir("/proc/self/fd"))) == (os.strerror(13), before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_only_root_becomes_another_user(open_folder: Path) -> None:
    assert run(script(open_folder, "exit 0"))[0].refused
