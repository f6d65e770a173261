"""Runs cases with real Certbots, several at a time, each in folders of its own, against one CA that validates."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA

AT_A_TIME = 6
"""Certbot waits more than it works."""
Case = TypeVar("Case")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Host:
    """One host: its Certbot, copies of the hooks, and a name that no other host uses."""

    certbot: Certbot
    hooks: Hooks
    domain: str

    @property
    def record(self) -> Path:
        return self.hooks.record

    def started(self) -> dict[int, str]:
        """Return the running processes of this host, by pid: those in its folder, and those with the variable that
        names its record. A daemon may have left the folder, or cleared its environment."""
        mark = f"RECORD={self.record}".encode()
        pids = {}
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            with contextlib.suppress(OSError):
                here = self.record.parent in Path(os.readlink(f"/proc/{pid}/cwd")).parents
                if here or mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    pids[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
        return pids

    def end_started(self) -> None:
        for pid in self.started():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def host(folder: Path, ca: TestCA) -> Host:
    """Make a new host in a folder of its own below the given one."""
    name = f"t{uuid.uuid4().hex[:12]}"
    base = folder / name
    base.mkdir()
    certbot, hooks = Certbot(base / "host", ca), Hooks(base / "hooks", base / "calls")
    for variable, path in (("RECORD", hooks.record), ("WEBROOT", base / "webroot"), ("TLS_FOLDER", base / "tls")):
        certbot.environment[variable] = str(path)
    (base / "webroot").mkdir()
    return Host(certbot, hooks, f"{name}.test")


def at_a_time(work: Callable[[Case], Found], cases: Sequence[Case], most: int = AT_A_TIME) -> Iterator[Found]:
    """Run cases several at a time, and return the results in their order."""
    with ThreadPoolExecutor(most) as pool:
        yield from pool.map(work, cases)
