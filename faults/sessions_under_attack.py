"""Runs sessions in two steps while another user changes the work directory, or the host lacks resources."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from certbot_external_auth.sessions import certbot_process, store
from faults.bed import Host, at_a_time, host
from faults.outcome import PATIENCE, Found, left
from faults.table import Row, Table
from tests.support.testca import TestCA
from tests.support.two_steps import Ended, Tool
from tests.support.words import names

NOBODY = 65534
THEIRS = "a" * 12
SECRET = "a secret of root's"
NOT_TRIED = Found("not tried: it needs root")
FAILING = (("openat", "EMFILE"), ("openat", "EACCES"), ("openat", "EIO"), ("read", "EIO"), ("flock", "ENOLCK"))
CALLS = 8
"""How many calls of each kind are made to fail, one at a time."""
NO_FILES = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
DONE = "the session went on and was finished"
Case = Callable[[Host], Found]


def table(ca: TestCA, folder: Path, quick: bool) -> Table:
    cases = _cases(quick)
    outcomes = list(at_a_time(lambda case: case(host(folder, ca)), list(cases.values())))
    return Table(
        "Sessions under attack",
        "`begin`, `finish`, `status` and `abort` run against a real Certbot that waits. They must not trust what "
        "another user has written: they must not remove or show a file of root's, or send a signal to a process of "
        "root's. If a verb cannot check a session, it must not call the session lost, must keep its socket, and must "
        "end with an exit code other than 0. Afterwards the session is finished, and its record must be removed. "
        "`strace` makes system calls in the session's folder fail, one after the other.",
        ("what fails", "result"),
        [Row(not one.wrong, (what, one.wrong or one.said)) for what, one in zip(cases, outcomes, strict=True)],
    )


def _cases(quick: bool) -> dict[str, Case]:
    cases: dict[str, Case] = {
        "work directory of another user; the verbs run as root": _theirs,
        "work directory read-only": partial(_looked_at, [_read_only]),
        "no folder for temporary files: `status`, then `abort`": partial(_aborted, NO_FILES, False),
        "Certbot stopped (SIGSTOP), with the shell above it": partial(_aborted, (), True),
    }
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-")[: 1 if quick else 4]:
        cases[f"`begin`, `status` and `finish` with descriptors closed: `{closed}`"] = partial(_closed, closed)
    for call, error in FAILING[: 1 if quick else len(FAILING)]:
        ways = [partial(_failing, call, error, number) for number in range(1, 2 if quick else CALLS + 1)]
        cases[f"`status` while each of the first {len(ways)} calls of {call} in turn fails with {error}"] = partial(
            _looked_at, ways
        )
    for spare in (4,) if quick else (0, 4, 12, 20, 64, 192):
        cases[f"`begin` with {spare} KiB left on the disk; `finish` with none"] = partial(_little_room, spare)
    return cases


def _tool(place: Host) -> Tool:
    runtime = place.record.with_name("run")
    runtime.mkdir()
    return Tool(place.certbot, place.certbot.ca, runtime)


def _run(tool: Tool, before: Sequence[str], verb: str, *words: str) -> Ended:
    """Run a verb. :param before: the command that starts it."""
    ended = subprocess.run(
        [*before, *tool.command(verb, *words)],
        env=tool.environment,
        cwd=tool.certbot.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return Ended(ended.returncode, json.loads(ended.stdout) if ended.stdout else {}, ended.stderr)


def _begun(tool: Tool, place: Host, before: Sequence[str] = ()) -> Ended:
    return _run(tool, before, "begin", "--", *tool.begins("certonly", *names(place.domain)))


def _finished(tool: Tool, place: Host, begun: Ended, before: Sequence[str] = ()) -> str:
    """Return what is wrong with the end of a session, and remove its record as its document says."""
    tool.publish(begun)
    done = _run(tool, before, "finish", begun["session"])
    if done.code or done["state"] != "done":
        tool.run("abort", begun["session"])
        return f"finish: {done.code} {done.document} {done.stderr}"
    tool.remove(done)
    tool.certbot.after_run()
    return "its record is left" if left(place) else ""


def _traceback(ended: Ended) -> str:
    return f"a traceback: {ended.stderr[-300:]}" if "Traceback" in ended.stderr else ""


# --- another user ---


def _theirs(place: Host) -> Found:
    if os.geteuid():
        return NOT_TRIED
    with subprocess.Popen(["sh", "-c", "cat; :"], stdin=subprocess.PIPE) as victim:
        work_dir, socket = _made_up(place, victim.pid)
        verbs = (["status"], ["status", THEIRS], ["finish", THEIRS], ["abort", THEIRS])
        words = [["sh", "-c", f'exec timeout {PATIENCE:.0f} "$@"', "sh"]]
        ended = [_run(_At(place, work_dir), words[0], *verb) for verb in verbs]
        wrong = "" if socket.exists() else "root's file was removed"
        wrong = wrong or ("" if victim.poll() is None else "root's process was ended")
        wrong = wrong or next(filter(None, map(_traceback, ended)), "")
        wrong = wrong or ("root's file was shown" if any(SECRET in str(one) for one in ended) else "")
        wrong = wrong or ("" if {one.code for one in ended} == {2} else f"exit codes {[one.code for one in ended]}")
        victim.communicate()
    # Only the end of the sentence: its beginning has the path of a temporary folder.
    return Found(f"refused by all four verbs: … belongs{ended[0].stderr.rstrip().rpartition(' belongs')[2]}", wrong)


class _At(Tool):
    """Return the tool of a person who names that work directory."""

    def __init__(self, place: Host, work_dir: Path) -> None:
        super().__init__(place.certbot, place.certbot.ca, work_dir)
        self._work_dir = work_dir

    @property
    def folders(self) -> list[str]:
        return [f"--work-dir={self._work_dir}"]


def _made_up(place: Host, pid: int) -> tuple[Path, Path]:
    """Make a work directory of the user nobody, with a session that is a link, and a file that it calls its socket."""
    base = place.record.with_name("theirs")
    # Like /tmp: it belongs to root, and every user may make files there.
    (base / "his").mkdir(parents=True)
    (base / "his").chmod(0o1777)
    socket = base / "socket"
    socket.write_text(SECRET)
    said = {"version": 1, "id": THEIRS, "folder": "", "socket": str(socket), "config_dir": "/c", "work_dir": str(base)}
    said |= {"verb": "certonly", "started": "2026-01-01T00:00:00.000Z", "names": []}
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    for name, value in (("session.json", said), ("process", {"pid": pid, "started": int(started)}), ("code", 1)):
        (base / "his" / name).write_text(json.dumps(value))
    (base / "his" / "output").symlink_to(socket)
    os.mkfifo(base / "his" / "lines")
    sessions = base / "w" / "external-auth" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / THEIRS).symlink_to(base / "his")
    for path in (base / "w", *(base / "w").rglob("*"), *(base / "his").iterdir()):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return base / "w", socket


# --- what cannot be read ---


def _looked_at(ways: Sequence[Callable[[Tool, Ended], str]], place: Host) -> Found:
    """Check a waiting session in each of these ways, and then end it."""
    tool = _tool(place)
    begun = _begun(tool, place)
    if begun.code:
        return Found("", f"begin: {begun}")
    wrong = next(filter(None, (way(tool, begun) for way in ways)), "")
    return Found(DONE, wrong or _finished(tool, place, begun))


def _judged(tool: Tool, begun: Ended, ended: Ended) -> str:
    wrong = _traceback(ended) or ("" if tool.socket(begun["session"]).exists() else "its socket was removed")
    state = ended.document.get("state")
    if not wrong and ended.code == 0 and state != "waiting":
        wrong = f"it is {state}, with exit code 0"
    return wrong or (f"it is called {state}" if state in ("lost", "failed", "unknown") else "")


def _read_only(tool: Tool, begun: Ended) -> str:
    if os.geteuid():
        return ""
    before = ["unshare", "-m", "sh", "-c", READ_ONLY, str(tool.certbot.work_dir)]
    ended = _run(tool, before, "status", begun["session"])
    return _judged(tool, begun, ended) or ("" if ended.code == 0 else f"exit code {ended.code}: {ended.stderr}")


def _failing(call: str, error: str, number: int, tool: Tool, begun: Ended) -> str:
    record = tool.record(begun["session"])
    where = [word for path in (record, *record.iterdir()) for word in ("-P", str(path))]
    inject = f"inject={call}:error={error}:when={number}"
    before = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, *where]
    return _judged(tool, begun, _run(tool, before, "status", begun["session"]))


# --- what is missing ---


def _closed(closed: str, place: Host) -> Found:
    tool, before = _tool(place), ("sh", "-c", f'exec "$@" {closed}', "sh")
    begun = _begun(tool, place, before)
    if " >&-" in f" {closed}":
        if begun.code != 1:
            return Found("", f"begin: exit code {begun.code}, although nothing was printed")
        [listed] = tool.run("status")["sessions"]
        ended = tool.run("abort", listed["session"])
        looked = _run(tool, before, "status").code
        wrong = "" if (ended.code, looked) == (0, 1) else f"abort: {ended.code}; status: {looked}"
        return Found("exit code 1, because nothing could be printed; the session is listed and was aborted", wrong)
    wrong = _judged(tool, begun, _run(tool, before, "status", begun["session"]))
    return Found(DONE, wrong or _finished(tool, place, begun, before))


def _aborted(before: Sequence[str], stopped: bool, place: Host) -> Found:
    tool = _tool(place)
    begun = _begun(tool, place)
    if begun.code:
        return Found("", f"begin: {begun}")
    session = store.find(str(tool.certbot.work_dir), begun["session"])
    wrong = _judged(tool, begun, _run(tool, before, "status", begun["session"]))
    for member in certbot_process.find(session).all if stopped else ():
        os.kill(member.pid, signal.SIGSTOP)
    ended = _run(tool, before, "abort", begun["session"])
    wrong = wrong or _traceback(ended) or ("" if ended.code == 0 else f"abort: {ended.code} {ended.document}")
    return Found("aborted, exit code 0", wrong or ("it goes on" if store.alive(session) else ""))


def _little_room(spare: int, place: Host) -> Found:
    tool = _tool(place)
    with _small_disk(place) as there:
        if not there:
            return NOT_TRIED
        _fill(place, spare)
        begun = _begun(tool, place)
        if begun.code:
            said = "No space left on device" in f"{begun.stderr}{begun.document}"
            wrong = _traceback(begun) or ("" if said else f"no reason: {begun}")
            (place.certbot.work_dir / "filler").unlink()
            open_ones = [one for one in tool.run("status")["sessions"] if one["state"] in ("waiting", "working")]
            return Found("refused with the reason; Certbot was not started", wrong or str(open_ones or ""))
        _fill(place, 0)
        tool.publish(begun)
        done = _run(tool, (), "finish", begun["session"])
        wrong = _traceback(done) or ("it answers `more` for ever" if done.document.get("state") == "more" else "")
        with contextlib.suppress(KeyError):
            tool.remove(done)
        tool.run("abort", begun["session"])
        return Found(f"finish: {done.document.get('state')}", wrong)


@contextlib.contextmanager
def _small_disk(place: Host) -> Iterator[bool]:
    place.certbot.work_dir.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", str(place.certbot.work_dir)]
    mounted = subprocess.run(words, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place.certbot.work_dir)], check=False)


def _fill(place: Host, spare: int) -> None:
    """Fill the disk except for so many KiB."""
    path = place.certbot.work_dir / "filler"
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    os.truncate(path, path.stat().st_size - spare * 1024)
