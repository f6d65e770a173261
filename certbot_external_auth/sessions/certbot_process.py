"""The processes of a session: its Certbot, and the shell above it.

A number in a file is not believed. A process is the session's if it is this user's and holds the session's lock, or if
it was started by one that does, and that is the one which was noted: same number, same moment.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass

from certbot_external_auth.files import own_folder
from certbot_external_auth.processes.table import Process, read_process, read_process_table
from certbot_external_auth.sessions import FOLDER, Session, notes, record


@dataclass(frozen=True)
class Found:
    """:ivar certbot: whom to tell to stop, None if it has ended. :ivar all: everybody who keeps the session going."""

    certbot: Process | None
    all: tuple[Process, ...]

    def stop(self) -> None:
        """Tell Certbot to stop; who was stopped in the other sense (SIGSTOP) has to go on for that."""
        if self.certbot is not None:
            self.certbot.send_signal(signal.SIGTERM)
        for one in self.all:
            one.send_signal(signal.SIGCONT)


def note(session: Session, pid: int) -> None:
    """Put the shell above its Certbot on record.

    :raises OSError: if it cannot be written.
    """
    member = read_process(pid)
    if member is not None:
        notes.put(session, notes.PROCESS, {"pid": pid, "started": member.started})


def find(session: Session) -> Found:
    """Who keeps a session going; nobody where there is no /proc.

    :raises OSError: if its record cannot be looked at.
    """
    table, lock = read_process_table(), _lock(session)
    holding = [one for pid, one in table.items() if lock is not None and _is_ours(pid) and _holds(pid, lock)]
    pid, started = _noted(session)
    shell = next((one for one in holding if (one.pid, one.started) == (pid, started)), None)
    below = [one for one in table.values() if shell is not None and one.parent == shell.pid and _is_ours(one.pid)]
    # Where the shell above was killed, it is who holds the lock.
    others = [one for one in holding if one != shell and one.started >= started]
    certbot = next(iter([*below, *others]), None)
    return Found(certbot, tuple(dict.fromkeys([*below, *holding])))


def _noted(session: Session) -> tuple[int, int]:
    """Number and start of the shell, zeros if nothing was noted."""
    noted = notes.read(session, notes.PROCESS)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return int(noted["pid"]), int(noted["started"])
    return 0, 0


def _lock(session: Session) -> os.stat_result | None:
    try:
        with own_folder.looked_into(session.work_dir, FOLDER, session.id) as folder:
            return os.stat(record.LOCK, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_ours(pid: int) -> bool:
    """Whether it is a process of this user (proc(5), /proc/PID/status: the effective one is the second)."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("Uid:"):
                return line.split()[2] == str(os.geteuid())
    return False


def _holds(pid: int, lock: os.stat_result) -> bool:
    """Whether a process has a file open, and locked as `store.new` does it; who only looks locks it otherwise."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{number}"
            with contextlib.suppress(OSError):
                # By name first: a file on a server that is gone would be waited for.
                if os.path.basename(os.readlink(path)) == record.LOCK and os.path.samestat(os.stat(path), lock):
                    with open(f"/proc/{pid}/fdinfo/{number}", encoding="utf-8") as file:
                        return "FLOCK  ADVISORY  WRITE" in file.read()
    return False
