"""The processes of a session: its Certbot, and the shell that runs it.

A process number in a file is not trusted. A process belongs to the session if this user runs it and it holds the
session's lock. Its child belongs to the session, too, if the process is the noted shell: same number, same start.
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
    """The processes of a session.

    :ivar certbot: the process to stop; None if it has ended.
    :ivar all: every process that keeps the session alive.
    """

    certbot: Process | None
    all: tuple[Process, ...]

    def stop(self) -> None:
        """Send Certbot SIGTERM. Processes that were suspended (SIGSTOP) have to continue for that."""
        if self.certbot is not None:
            self.certbot.send_signal(signal.SIGTERM)
        for process in self.all:
            process.send_signal(signal.SIGCONT)


def note(session: Session, pid: int) -> None:
    """Note the shell that runs a session's Certbot.

    :raises OSError: if the note cannot be written.
    """
    member = read_process(pid)
    if member is not None:
        notes.put(session, notes.PROCESS, {"pid": pid, "started": member.started})


def find(session: Session) -> Found:
    """Find the processes of a session; none on a system without /proc.

    :raises OSError: if the session's record cannot be read.
    """
    table, lock = read_process_table(), _lock(session)
    holding = [one for pid, one in table.items() if lock is not None and _is_ours(pid) and _holds(pid, lock)]
    pid, started = _noted(session)
    shell = next((one for one in holding if (one.pid, one.started) == (pid, started)), None)
    below = [one for one in table.values() if shell is not None and one.parent == shell.pid and _is_ours(one.pid)]
    # If the shell was killed, Certbot is the process that holds the lock.
    others = [one for one in holding if one != shell and one.started >= started]
    certbot = next(iter([*below, *others]), None)
    return Found(certbot, tuple(dict.fromkeys([*below, *holding])))


def _noted(session: Session) -> tuple[int, int]:
    """Return number and start of the noted shell; zeros if none was noted."""
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
    """Tell whether this user runs a process: the second number after ``Uid:`` (proc(5), /proc/PID/status)."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("Uid:"):
                return line.split()[2] == str(os.geteuid())
    return False


def _holds(pid: int, lock: os.stat_result) -> bool:
    """Tell whether a process holds a lock as `store.new` takes it, not the shared lock of a process that only looks."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{number}"
            with contextlib.suppress(OSError):
                # By name first: stat(2) of a file on a server that is gone would block.
                if os.path.basename(os.readlink(path)) == record.LOCK and os.path.samestat(os.stat(path), lock):
                    with open(f"/proc/{pid}/fdinfo/{number}", encoding="utf-8") as file:
                        return "FLOCK  ADVISORY  WRITE" in file.read()
    return False
