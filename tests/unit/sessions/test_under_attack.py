"""Sessions on a host that somebody else has a hand in, or that fails: nothing is believed that is not ours.

What could not be looked at is not told as "not there". The verbs are real processes, and so is whom they might signal.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.processes import table
from certbot_external_auth.protocol.session_record import Record
from certbot_external_auth.sessions import Session, certbot_process, notes, session_document, socket_place, store
from tests.support import session_records

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away, and mounts")
STRACE = pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes calls fail")
VERB = [sys.executable, "-m", "certbot_external_auth"]
PATIENCE = 90
NOBODY = 65534
THEIRS = "a" * 12
SECRET = "root:$6$secret"


def verb(*words: str, before: Sequence[str] = (), **more: Any) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own."""
    given = {"cwd": "/", "stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": PATIENCE, **more}
    return subprocess.run([*before, *VERB, *words], **given)


@pytest.fixture
def base() -> Iterator[Path]:
    """Make a folder with a short path that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def session(base: Path) -> Iterator[Session]:
    """Alive, with this process as its Certbot, and with a socket."""
    with session_records.alive(str(base / "w"), str(base / "c")) as opened:
        Path(opened.socket).touch()
        yield opened
    socket_place.remove(opened)


# --- another user's work directory ---


@pytest.fixture
def theirs(base: Path) -> Path:
    """Make a work directory of the user nobody with a forged session, in a folder like /tmp, which belongs to root."""
    folder = base / "his"
    folder.mkdir()
    folder.chmod(0o1777)
    made_up = {"version": 1, "id": THEIRS, "folder": "", "socket": str(base / "victim"), "config_dir": "/c"}
    made_up |= {"work_dir": str(base / "w"), "verb": "certonly", "started": "2026-01-01T00:00:00.000Z", "names": []}
    (folder / "session.json").write_text(json.dumps(made_up))
    (folder / "code").write_text("1\n")
    for name in ("victim", "secret"):
        (base / name).write_text(SECRET)
        (base / name).chmod(0o600)
    (folder / "output").symlink_to(base / "secret")
    sessions = base / "w" / "external-auth" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / THEIRS).symlink_to(folder)
    return folder


def give_away(base: Path) -> None:
    for path in (base / "w", *(base / "w").rglob("*"), *(base / "his").iterdir()):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@ROOT
@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("words", [["status"], ["status", THEIRS], ["finish", THEIRS], ["abort", THEIRS]])
def test_nothing_is_believed_that_another_user_has_written(
    base: Path, theirs: Path, words: list[str], linked: bool
) -> None:
    """Guards against: removing any file of root as a socket, and showing any file as Certbot's output."""
    if not linked:
        place = base / "w" / "external-auth" / "sessions" / THEIRS
        place.unlink()
        theirs.rename(place)
        theirs.mkdir()
    give_away(base)
    ended = verb(*words, "--work-dir", str(base / "w"))
    assert (base / "victim").exists()
    assert SECRET not in ended.stdout + ended.stderr
    assert ended.returncode == 2, ended
    assert f"run this as user {NOBODY}" in ended.stderr
    assert "Traceback" not in ended.stderr


@ROOT
def test_who_is_named_by_another_user_gets_no_signal(base: Path, theirs: Path) -> None:
    """Guards against: a signal to any process of root."""
    with subprocess.Popen(["sh", "-c", "cat; :"], stdin=subprocess.PIPE) as shell:
        deadline = time.monotonic() + PATIENCE
        while not (below := [one for one in table.read_process_table().values() if one.parent == shell.pid]):
            assert time.monotonic() < deadline
        started = (table.read_process(shell.pid) or below[0]).started
        (theirs / "process").write_text(json.dumps({"pid": shell.pid, "started": started}))
        lock = os.open(theirs / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        give_away(base)
        with subprocess.Popen([*VERB, "abort", THEIRS, "--work-dir", str(base / "w")], cwd="/") as abort:
            while abort.poll() is None and shell.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            assert shell.poll() is None
            abort.kill()
        os.close(lock)
        shell.communicate()


@pytest.mark.parametrize("name", ["session.json", "lines", "output", "lock", "process", "code"])
@pytest.mark.parametrize("words", [["status"], ["abort", "SESSION"]])
def test_a_named_pipe_is_not_waited_for(base: Path, name: str, words: list[str]) -> None:
    opened = session_records.dead(str(base / "w"), str(base / "c"))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(opened.folder, name))
    os.mkfifo(os.path.join(opened.folder, name))
    given = [opened.id if word == "SESSION" else word for word in words]
    ended = verb(*given, "--work-dir", opened.work_dir)
    assert "Traceback" not in ended.stderr, ended.stderr
    socket_place.remove(opened)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_names_the_last_session_may_be_anything(base: Path, make: Any) -> None:
    (base / "c").mkdir()
    make(str(base / "c" / store.POINTER))
    code = "import sys; from certbot_external_auth.sessions import store; sys.exit(store.open_session(*sys.argv[1:]))"
    words = [sys.executable, "-c", code, str(base / "c"), str(base / "w")]
    assert subprocess.run(words, timeout=PATIENCE, cwd="/", capture_output=True).returncode == 0


def test_a_socket_elsewhere_is_none_of_ours(base: Path) -> None:
    """Guards against: removing a file that an old or damaged record names."""
    opened = session_records.dead(str(base / "w"), str(base / "c"))
    (base / "ours").mkdir(mode=0o700)
    victim = base / "ours" / "victim"
    victim.touch()
    record = Path(opened.folder, "session.json")
    record.write_text(record.read_text().replace(opened.socket, str(victim)))
    ended = verb("status", opened.id, "--work-dir", opened.work_dir)
    assert victim.exists(), ended
    socket_place.remove(opened)


# --- what cannot be looked at ---


def untouched(session: Session) -> bool:
    """Whether neither the socket nor the result was touched by who only looked."""
    return os.path.exists(session.socket) and not os.path.exists(os.path.join(session.folder, "end"))


@ROOT
@pytest.mark.parametrize("words", [["status"], ["status", "SESSION"]])
def test_looking_needs_no_write_access(session: Session, base: Path, words: list[str]) -> None:
    """Guards against: a `status` on a read-only work directory that removes the socket of a session."""
    mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    before = ["unshare", "-m", "sh", "-c", mounted, str(base / "w")]
    given = [session.id if word == "SESSION" else word for word in words]
    ended = verb(*given, "--work-dir", session.work_dir, before=before)
    assert ended.returncode == 0, ended
    document = json.loads(ended.stdout)
    assert document.get("state", document.get("sessions", [{}])[0].get("state")) == "working"
    assert untouched(session)


@pytest.mark.parametrize("words", [["status"], ["status", "SESSION"], ["finish", "SESSION"], ["abort", "SESSION"]])
def test_a_lock_that_cannot_be_opened_is_not_that_of_the_dead(session: Session, words: list[str]) -> None:
    lock = os.path.join(session.folder, "lock")
    os.rename(lock, f"{lock}.held")
    os.symlink("lock.held", lock)
    given = [session.id if word == "SESSION" else word for word in words]
    ended = verb(*given, "--work-dir", session.work_dir)
    assert ended.returncode in (1, 2), ended
    assert "lost" not in ended.stdout
    assert untouched(session)


EVERY = (["status"], ["status", "SESSION"], ["abort", "SESSION"])
FAILING = [(words, "flock", "ENOLCK") for words in EVERY]
FAILING += [(EVERY[1], call, error) for call, error in (("openat", "EMFILE"), ("openat", "EACCES"), ("flock", "EIO"))]


@STRACE
@pytest.mark.parametrize(("words", "call", "error"), FAILING)
def test_what_could_not_be_looked_at_is_not_gone(session: Session, words: list[str], call: str, error: str) -> None:
    """Guards against: removing the socket of a session, and calling it lost so that another one is begun."""
    where = ["-P", session.folder, "-P", os.path.join(session.folder, "lock")]
    before = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}", *where]
    given = [session.id if word == "SESSION" else word for word in words]
    ended = verb(*given, "--work-dir", session.work_dir, before=before)
    assert ended.returncode not in (0, 6, 7), ended
    assert "Traceback" not in ended.stderr
    assert os.strerror(getattr(errno, error)) in ended.stderr, ended
    assert untouched(session)


# --- nowhere to write ---


@pytest.fixture
def full(base: Path) -> Iterator[Session]:
    """A session on a disk that has become full since."""
    (base / "w").mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0755", "tmpfs", str(base / "w")]
    if os.geteuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("it needs the right to mount")
    opened = session_records.dead(str(base / "w"), str(base / "c"))
    with contextlib.suppress(OSError), (base / "w" / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    yield opened
    subprocess.run(["umount", "-l", str(base / "w")], check=True)


def test_there_is_room_for_what_ends_a_session(full: Session) -> None:
    """Guards against: a full disk on which neither the exit code nor the printed batches can be noted."""
    assert notes.hand_out(full, 1)
    assert notes.handed_out(full) == [1]


def test_there_is_room_for_what_certbot_says(full: Session) -> None:
    line = json.dumps({"cmd": "hello", "more": "x" * 50_000}).encode() + b"\n"
    record = Record(os.path.join(full.folder, "lines"))
    record.add(line)
    record.add(line)
    assert len(store.lines(full)) == 2


def test_a_batch_that_could_not_be_noted_is_named(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards against: a caller that gets `more` for ever."""
    document, code = session_document.describe(session)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notes.record, "put", full_disk)
        assert session_document.hand_out(session, {**document, "batch": 3}, code) == 0
    assert f"{session.id} --batch 3" in capsys.readouterr().err


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("words", [["status"], ["status", "SESSION"]])
def test_no_folder_for_temporary_files_is_needed(session: Session, words: list[str]) -> None:
    given = [session.id if word == "SESSION" else word for word in words]
    ended = verb(*given, "--work-dir", session.work_dir, before=["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"])
    assert (ended.returncode, ended.stderr) == (0, ""), ended


@pytest.mark.parametrize("words", [["check", "/bin/true", "--domain", "a.test"]])
def test_a_verb_that_needs_one_says_so(words: list[str]) -> None:
    ended = verb(*words, before=["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"])
    assert ended.returncode not in (0, 2)
    assert len(ended.stderr.splitlines()) == 1, ended


CERTBOT = """
import signal, sys
def end(*_):
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def waiting(base: Path) -> Iterator[tuple[Session, subprocess.Popen[str]]]:
    """A session whose Certbot ends when it is told to, below a shell as `begin` starts it."""
    opened, descriptors = session_records.locked(str(base / "w"), str(base / "c"))
    with subprocess.Popen(
        ["sh", "-c", 'trap : TERM; "$@"; :', "sh", sys.executable, "-c", CERTBOT],
        pass_fds=descriptors,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        for each in descriptors:
            os.close(each)
        certbot_process.note(opened, shell.pid)
        assert shell.stdout is not None
        assert shell.stdout.readline() == "up\n"
        yield opened, shell
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    socket_place.remove(opened)


def test_a_session_is_aborted_where_nothing_can_be_written(waiting: tuple[Session, subprocess.Popen[str]]) -> None:
    """Guards against: a session that cannot be ended on a full disk, and holds Certbot's lock."""
    session, shell = waiting
    words = ["abort", session.id, "--work-dir", session.work_dir]
    ended = verb(*words, before=["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"])
    assert ended.returncode == 0, ended
    assert shell.wait(PATIENCE) == 0


@pytest.mark.parametrize("whole_group", [True, False])
def test_a_session_is_aborted_that_was_stopped(
    waiting: tuple[Session, subprocess.Popen[str]], whole_group: bool
) -> None:
    """By SIGSTOP, or a person's Ctrl-Z. Lost: a minute, and then the way out."""
    session, shell = waiting
    certbot = certbot_process.find(session).certbot
    assert certbot is not None
    if whole_group:
        os.killpg(shell.pid, signal.SIGSTOP)
    else:
        os.kill(certbot.pid, signal.SIGSTOP)
    ended = verb("abort", session.id, "--work-dir", session.work_dir)
    assert ended.returncode == 0, ended
    assert shell.wait(PATIENCE) == 0


def test_a_process_that_does_not_hold_the_lock_is_nobodys(session: Session) -> None:
    """Guards against: ending a program that a damaged record names."""
    with subprocess.Popen(["sh", "-c", "cat; :"], stdin=subprocess.PIPE) as shell:
        certbot_process.note(session, shell.pid)
        found = certbot_process.find(session)
        assert {one.pid for one in found.all} == {os.getpid()}
        shell.communicate()
