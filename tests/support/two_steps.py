"""A configuration tool, which runs one task after the other and holds nothing open in between."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import documents
from tests.support.certbot import PATIENCE, Certbot
from tests.support.testca import TestCA


@dataclass(frozen=True)
class Ended:
    """A verb that has ended. :ivar document: what it printed."""

    code: int
    document: dict[str, Any]
    stderr: str

    def __getitem__(self, key: str) -> Any:
        return self.document[key]


class Tool:
    """:param runtime: where sockets are; a short path."""

    def __init__(self, certbot: Certbot, ca: TestCA, runtime: Path) -> None:
        self.certbot, self.ca = certbot, ca
        self.environment = {**certbot.environment, "XDG_RUNTIME_DIR": str(runtime)}

    def run(self, verb: str, *words: str) -> Ended:
        ended = subprocess.run(
            self.command(verb, *words),
            env=self.environment,
            cwd=self.certbot.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            # Some pipelines have this mask; no file may become readable for others because of it.
            umask=0,
        )
        document = documents.checked(ended.stdout, verb, ended.returncode) if ended.stdout else {}
        if verb == "finish" and document.get("state") == "done":
            # Or the next session may have nothing to publish.
            self.certbot.after_run()
            self.certbot.forget_logs()
        return Ended(ended.returncode, document, ended.stderr)

    def begin(self, *words: str, more: tuple[str, ...] = ()) -> Ended:
        return self.run("begin", *more, "--", *self.begins(*words))

    def publish(self, found: Ended) -> None:
        for name, values in found["txt"].items():
            for value in values:
                self.ca.add_txt(name, value)

    def remove(self, found: Ended) -> None:
        for name in found["remove"]["txt"]:
            self.ca.clear_txt(name)

    @property
    def folders(self) -> list[str]:
        return [f"--config-dir={self.certbot.config_dir}", f"--work-dir={self.certbot.work_dir}"]

    def command(self, verb: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "certbot_external_auth", verb, *self.folders, *words]

    def begins(self, *words: str) -> list[str]:
        """What stands behind `--`."""
        account = ["--server", self.ca.directory, "--agree-tos", "--register-unsafely-without-email"]
        return [*words, "--logs-dir", str(self.certbot.logs_dir), *(account if words[0] in ("certonly", "run") else [])]

    def record(self, session: str) -> Path:
        """The folder of a session."""
        return self.certbot.work_dir / "external-auth" / "sessions" / session

    def socket(self, session: str) -> Path:
        return Path(json.loads((self.record(session) / "session.json").read_text())["socket"])

    def wait_for_shell(self, session: str) -> None:
        """Return when the shell above its Certbot has ended, and with it the last lock."""
        with (self.record(session) / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    def process(self, session: str) -> int:
        """Certbot's process, found by the lock that it holds, as does the shell above it."""
        lock = self.record(session) / "lock"
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                links = [os.readlink(f"/proc/{pid}/fd/{one}") for one in os.listdir(f"/proc/{pid}/fd")]
                if str(lock) in links and Path(f"/proc/{pid}/comm").read_text() != "sh\n":
                    return int(pid)
        raise AssertionError(f"nobody holds {lock}")
