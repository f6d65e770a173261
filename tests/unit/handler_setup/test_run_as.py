"""What another user can read and start is asked of the system, by a program of that user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import run_as
from certbot_external_auth.processes.account import find
from certbot_external_auth.settings import Settings
from tests.support.another_user import GROUP, NAME, NOBODY

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
PATH = "/usr/local/bin:/usr/bin:/bin"
FLAG = "--external-auth-run-as"


def file(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def tried(*words: str, folder: str | None = "/") -> run_as.Trial:
    return run_as.attempt(find(NAME), [words], PATH, folder)


@ROOT_ONLY
def test_a_handler_that_can_start_has_no_problem(open_folder: Path) -> None:
    assert tried(file(open_folder / "hook")) == run_as.Trial((), True)
    assert tried("/bin/true").problems == ()


@ROOT_ONLY
def test_a_folder_on_the_way_is_said_once(open_folder: Path) -> None:
    (open_folder / "closed").mkdir(0o700)
    hook, other = (file(open_folder / "closed" / name) for name in ("hook", "other"))
    assert tried(hook, other).problems == (
        f"{FLAG}: the user {NAME} cannot enter {open_folder}/closed, and the handler {hook} lies behind it; move it to "
        f"a folder that {NAME} can enter, for example /usr/local/lib.",
    )


@ROOT_ONLY
@pytest.mark.parametrize(
    ("mode", "verb"),
    # A script is read by its interpreter.
    [(0o700, "start"), (0o711, "read")],
)
def test_a_file_is_said_with_a_command_that_helps(open_folder: Path, mode: int, verb: str) -> None:
    hook = file(open_folder / "hook", mode=mode)
    (problem,) = tried(hook).problems
    sentence, _, fix = problem.partition("; run: ")
    assert sentence == f"{FLAG}: the user {NAME} cannot {verb} the handler {hook}"
    subprocess.run(["sh", "-c", fix], check=True)
    assert tried(hook).problems == ()
    assert os.stat(hook).st_mode & 0o007 == mode & 0o007
    os.chown(hook, NOBODY, -1)
    os.chmod(hook, 0o100)
    (problem,) = tried(hook).problems
    subprocess.run(["sh", "-c", problem.partition("; run: ")[2]], check=True)
    assert tried(hook).problems == ()


@ROOT_ONLY
def test_interpreters_links_and_later_words_count(open_folder: Path) -> None:
    # The kernel ends the name of an interpreter at a blank.
    closed = Path(tempfile.mkdtemp(dir="/tmp"))
    shell = file(closed / "shell", "")
    shutil.copy("/bin/sh", shell)
    closed.chmod(0o700)
    hook = file(open_folder / "hook", f"#!{shell}\n")
    link = open_folder / "link"
    link.symlink_to(closed / "shell")
    setting = file(open_folder / "settings", "x=1\n", 0o600)
    (interpreter,) = tried(hook).problems
    assert f"cannot enter {closed}, and the interpreter {shell} lies" in interpreter
    (behind,) = tried(str(link)).problems
    assert f"cannot enter {closed}, and the handler {link} lies" in behind
    shutil.rmtree(closed)
    (unread,) = tried("/bin/true", setting).problems
    assert f"cannot read the file {setting}; run: chgrp" in unread


@ROOT_ONLY
@pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl (acl)")
def test_an_access_list_decides_and_not_the_mode(open_folder: Path) -> None:
    hook = file(open_folder / "hook", mode=0o700)
    subprocess.run(["setfacl", "-m", f"u:{NAME}:rx", hook], check=True)
    assert tried(hook).problems == ()


@ROOT_ONLY
def test_the_folder_to_start_in_may_be_closed(open_folder: Path) -> None:
    hook = file(open_folder / "hook")
    assert not tried(hook, folder="/root").enters
    assert tried(hook, folder=str(open_folder)).enters


@ROOT_ONLY
def test_a_process_that_cannot_become_the_user(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container without the capability."""
    pid = os.fork()
    if not pid:
        os.setuid(1)
        trial = tried("/bin/true")
        os._exit(0 if trial.problems == (REFUSED,) and not trial.enters else 1)
    assert os.waitpid(pid, 0)[1] == 0


REFUSED = f"{FLAG}: no program can be started as the user {NAME}: it could not be started: {os.strerror(1)}."


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("nobdy", "there is no user 'nobdy' on this machine; did you mean nobody? Otherwise create it: useradd "),
        ("qqqqqq", "there is no user 'qqqqqq' on this machine; correct the name, or create it: useradd "),
        (f"{NAME}:gmes", "there is no group 'gmes' on this machine; did you mean games? Otherwise create it: groupadd"),
        (":", "':' is not accepted; give USER, or USER:GROUP."),
    ],
)
def test_who_is_not_known_is_said_with_what_to_do(text: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(UsageError, match=part.replace("?", r"\?")):
        run_as.user(text)


def test_only_root_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        UsageError, match="only root can start a handler as another user; run Certbot as root, or leave"
    ):
        run_as.user(NAME)


def test_the_environment_is_the_users() -> None:
    caller = {"HOME": "/root", "TMPDIR": "/tmp/user/0", "XDG_RUNTIME_DIR": "/run/user/0", "MAIL": "/m", "LANG": "C"}
    found = run_as.environment(caller, find(f"{NAME}:{GROUP}"))
    assert found == {"HOME": "/nonexistent", "USER": NAME, "LOGNAME": NAME, "LANG": "C"}


def test_types_with_a_key_are_not_carried() -> None:
    types = ("dns-01", "http-01", "tls-alpn-01", "tls-sni-01")
    assert run_as.carried(types, NAME) == ("dns-01", "http-01")
    assert run_as.carried(types, None) == types
    assert Settings("handler").carrier == "the dialect native"
    assert "whose user cannot read keys" in Settings("handler", run_as=NAME).carrier
