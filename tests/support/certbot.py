"""Runs the real Certbot, as a user would, in folders of its own."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

from tests.support import purity
from tests.support.authorizations import Account
from tests.support.json_driver import JsonDriver, Policy, confirm
from tests.support.processes import HungError, Script, converse, end_group
from tests.support.purity import Line
from tests.support.testca import TestCA

PATIENCE = 90.0
"""Seconds for a whole run; only a fault makes one take so long."""
CONSOLE_SCRIPT = Path(sys.executable).parent / "certbot"
START = "import sys; from certbot.main import main; sys.exit(main())"
# Nothing of the developer's own environment reaches the tests, but what every login has.
KEPT = ("LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NEEDS_ACCOUNT = ("certonly", "run")
HISTORIC = "certbot-external-auth:out"


@dataclass(frozen=True, repr=False)
class Result:
    """A run that has ended.

    :ivar stdout: what came out there, or all that a terminal showed.
    :ivar log: letsencrypt.log of this run.
    :ivar lines: the JSON lines, if the run was in JSON mode; their purity has been checked then.
    """

    words: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    log: str
    lines: list[Line] = field(default_factory=list)

    @property
    def asked_ca(self) -> bool:
        """Whether anything but the directory was fetched from the CA."""
        return bool(re.search(r"Sending (POST|HEAD) request", self.log))

    @property
    def ordered(self) -> bool:
        """Whether an order was made."""
        return "/order-plz" in self.log or "/new-order" in self.log

    @property
    def validated(self) -> bool:
        """Whether the CA was asked to look at a challenge."""
        return bool(re.search(r"Sending POST request to \S+/chalZ/", self.log))

    def of(self, *commands: str) -> list[Line]:
        """The JSON lines of these kinds."""
        return [line for line in self.lines if line["cmd"] in commands]

    @property
    def commands(self) -> list[str]:
        return [line["cmd"] for line in self.lines]

    def __repr__(self) -> str:
        text = f"certbot {' '.join(self.words)}\nexit code {self.returncode}\n--- stdout\n{self.stdout[-5000:]}"
        return f"{text}\n--- stderr\n{self.stderr[-5000:]}"


class Certbot:
    """One host's Certbot: configuration, work and log folders below one folder.

    :ivar environment: of every run; see `run` for one run's own.
    :ivar before: words before every command line, of a program that starts what follows.
    """

    def __init__(self, folder: Path, ca: TestCA) -> None:
        self.ca = ca
        self.folder = folder
        self.config_dir = folder / "config"
        self.work_dir = folder / "work"
        self.logs_dir = folder / "logs"
        self.cwd = folder / "cwd"
        self._running: subprocess.Popen[bytes] | None = None
        self.before: list[str] = []
        self.cli_ini = folder / ".config" / "letsencrypt" / "cli.ini"
        for path in (self.config_dir, self.cwd, self.cli_ini.parent):
            path.mkdir(parents=True)
        self.environment = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            # The interpreter that `env python3` finds shall be the one that runs the tests.
            "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
            "HOME": str(folder),
            "REQUESTS_CA_BUNDLE": str(ca.ca_bundle),
            "CHALLTESTSRV": ca.management,
        }

    # --- running ---

    def run(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        only_env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: bytes = b"",
        timeout: float = PATIENCE,
    ) -> Result:
        """Run to the end with pipes, `stdin` being all there is to read.

        :param env: added to the environment. :param only_env: taken instead of it.
        """
        with self.started(words, env, only_env, cwd, stdin=subprocess.PIPE) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired:
                raise HungError(f"certbot {' '.join(words)} has not ended after {timeout} seconds") from None
        return self.result(words, process.returncode, stdout, stderr)

    def drive(
        self,
        *words: str,
        policy: Policy | None = None,
        terminal: bool = False,
        env: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Result:
        """Run in JSON mode with a program at the other end.

        :param policy: what it does with each line; None confirms everything without publishing it.
        :param terminal: stdin is a terminal instead of a pipe.
        """
        return JsonDriver(self, words, policy or confirm, terminal, env, timeout).run()

    def type(
        self,
        *words: str,
        script: Script = (),
        columns: int = 80,
        env: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Result:
        """Run on a terminal with a person who reads and types."""
        leader, follower = pty.openpty()
        ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        environment = {"TERM": "dumb", **(env or {})}
        with self.started(words, environment, stdin=follower, stdout=follower, stderr=follower) as process:
            os.close(follower)
            try:
                shown = converse(leader, script, time.monotonic() + timeout)
                process.wait(timeout)
            finally:
                os.close(leader)
        return self.result(words, process.returncode, shown.encode(), b"")

    @contextlib.contextmanager
    def started(
        self,
        words: Sequence[str],
        env: Mapping[str, str] | None = None,
        only_env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int = subprocess.PIPE,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> Iterator[subprocess.Popen[bytes]]:
        self.forget_logs()
        process = subprocess.Popen(
            self.command(words),
            env={**self.environment, **(env or {})} if only_env is None else dict(only_env),
            cwd=cwd or self.cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        self._running = process
        try:
            yield process
        finally:
            end_group(process)

    def terminate(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the Certbot that runs, from within its policy or script."""
        assert self._running is not None
        self._running.send_signal(number)

    def command(self, words: Sequence[str]) -> list[str]:
        start = [str(CONSOLE_SCRIPT)] if CONSOLE_SCRIPT.exists() else ["-c", START]
        folders = ["--config-dir", self.config_dir, "--work-dir", self.work_dir, "--logs-dir", self.logs_dir]
        account = []
        if purity.verb(words) in NEEDS_ACCOUNT:
            account = ["--server", self.ca.directory, "--agree-tos"]
            if not {"--email", "-m"} & set(words):
                account.append("--register-unsafely-without-email")
            account += self._looking(words)
        # They come last so that nothing of a command line under test stands behind ours.
        return [*self.before, sys.executable, *start, *words, *map(str, folders), *account]

    def script(self, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a shell script whose `certbot` is this one; both streams come out together.

        :param folder: for that program.
        """
        words = self.command(["certonly"])
        place = words.index("certonly")
        before, after = shlex.join(words[:place]), shlex.join(words[place + 1 :])
        program = folder / "certbot"
        program.write_text(f'#!/bin/sh\nexec {before} "$@" {after}\n')
        program.chmod(0o755)
        environment = {**self.environment, "PATH": f"{folder}:{self.environment['PATH']}"}
        ended = subprocess.run(
            ["sh", "-c", text],
            env=environment,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        self.after_run()
        return ended

    def _looking(self, words: Sequence[str]) -> list[str]:
        """Where the plugin shall look, if the command line does not say it: no resolver knows the CA's names, and its
        ports are not those of the world."""
        ports = [("--http-01-port", self.ca.http_port), ("--https-port", self.ca.tls_port)]
        found = [word for flag, port in ports if flag not in words for word in (flag, str(port))]
        typed = [*words, self.cli_ini.read_text() if self.cli_ini.exists() else ""]
        servers = ["--external-auth-verify-nameservers", self.ca.dns]
        if "off" in words and not any("external-auth-verify-nameservers" in word for word in typed):
            # Which names are aliases is asked all the same.
            return [*found, *servers]
        if any(HISTORIC in word or "external-auth-verify" in word for word in typed):
            return found
        return [*found, *servers, "--external-auth-verify-timeout", "2"]

    def result(self, words: Sequence[str], returncode: int, stdout: bytes, stderr: bytes, whole: bool = True) -> Result:
        expected = purity.protocol(words, self.config_dir, self.cli_ini)
        lines = purity.check(stdout, expected, returncode, words, whole)
        log = self.after_run()
        out, err = (data.decode(errors="replace") for data in (stdout, stderr))
        return Result(tuple(words), returncode, out, err, log, lines)

    @staticmethod
    def authorizations(log: str) -> list[str]:
        """The URLs of the authorizations that a run asked for."""
        return sorted(set(re.findall(r"Sending POST request to (\S+/authZ/[\w-]+)", log)))

    def after_run(self) -> str:
        """Check what every run must leave, even one that another program started in these folders; return its log."""
        log = "".join(path.read_text(errors="replace") for path in self._logs())
        self._forget_authorizations(log)
        return log

    def forget_logs(self) -> None:
        """Before a run: what is found in a log afterwards is that run's."""
        for path in self._logs():
            path.unlink()

    def _forget_authorizations(self, log: str) -> None:
        urls = self.authorizations(log)
        if urls and not self.ca.authz_reuse:
            for path in self.config_dir.glob("accounts/**/regr.json"):
                Account(path.parent, self.ca.ca_bundle).forget(urls)

    # --- what lies on disk ---

    def _logs(self) -> list[Path]:
        """Oldest first: Certbot begins a new file at each run and at each megabyte, numbering the old ones."""
        numbered = sorted(self.logs_dir.glob("letsencrypt.log.*"), key=lambda path: -int(path.suffix[1:]))
        return [*numbered, *self.logs_dir.glob("letsencrypt.log")]

    def live(self, lineage: str, file: str = "cert") -> Path:
        return self.config_dir / "live" / lineage / f"{file}.pem"

    def renewal_path(self, lineage: str) -> Path:
        return self.config_dir / "renewal" / f"{lineage}.conf"

    def renewal(self, lineage: str) -> str:
        """The renewal file, as text."""
        return self.renewal_path(lineage).read_text()
