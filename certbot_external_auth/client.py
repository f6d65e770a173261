"""A client for the JSON lines: starts Certbot, hands over its requests one by one, and sends back the answers.

    with Session(["certonly", "-a", "external-auth", "-d", "example.org"]) as session:
        for request in session:
            if isinstance(request, Challenge):
                ...  # publish request.validation at request.txt_domain
            elif isinstance(request, Cleanup):
                ...  # remove what was published for request.challenge
            request.done()

This module needs only the standard library, and nothing of Certbot. You can copy it to where your program runs.
docs/json.md describes the lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import TracebackType
from typing import IO, Any, TypeVar

Line = dict[str, Any]

MAJOR = "1"
"""Major version of the protocol that this client understands."""
_VERBS = {
    "auth",
    "certificates",
    "certonly",
    "delete",
    "enhance",
    "everything",
    "install",
    "plugins",
    "reconfigure",
    "register",
    "renew",
    "revoke",
    "rollback",
    "run",
    "show_account",
    "unregister",
    "update_account",
    "update_symlinks",
}
_USAGE = 2
"""Exit code of argparse for wrong arguments."""


class SessionError(Exception):
    """A run of Certbot that went wrong.

    :ivar line: the line that says so, None if there is none.
    """

    def __init__(self, message: str, line: Line | None = None) -> None:
        self.line = line
        super().__init__(message)


class RunFailedError(SessionError):
    """A run of Certbot that failed.

    :ivar errors: all `error` lines of the run; `line` is the last of them.
    :ivar summary: the last line of the run.
    :ivar returncode: Certbot's exit code.
    """

    def __init__(self, errors: Sequence[Line], summary: Line, returncode: int) -> None:
        self.errors = list(errors)
        self.summary = summary
        self.returncode = returncode
        # If Certbot cannot load another plugin that was named, no line says so.
        reasons = "; ".join(f"{one['code']}: {one['message']}" for one in errors) or "no line says why; see its stderr"
        super().__init__(f"Certbot failed with exit code {returncode}: {reasons}", errors[-1] if errors else None)


class UsageError(SessionError):
    """Certbot does not understand its arguments. It has done nothing, and says why on its stderr."""

    def __init__(self) -> None:
        super().__init__("Certbot does not understand its arguments and has done nothing; see its stderr")


class CrashedError(SessionError):
    """A run whose lines ended without a summary.

    :ivar returncode: Certbot's exit code; negative if a signal ended Certbot.
    """

    def __init__(self, returncode: int, last: Line | None) -> None:
        self.returncode = returncode
        super().__init__(f"Certbot ended with exit code {returncode} before it printed a summary; see its stderr", last)


class ProtocolError(SessionError):
    """Certbot printed something that is not a line of this protocol."""


@dataclass(frozen=True)
class Request:
    """A request of Certbot, to be answered in one of three ways, at any time and in any order.

    :ivar line: the line as Certbot printed it.
    :ivar id: unique in this run.
    """

    session: Session
    line: Line
    id: str

    def done(self) -> None:
        """Answer that it is done."""
        self.session.answer(id=self.id, ok=True)

    def fail(self, code: str, message: str) -> None:
        """Answer that it cannot be done.

        :param code: words of your choice, separated by dots, for programs.
        :param message: the reason, for a person.
        """
        self.session.answer(id=self.id, ok=False, error={"code": code, "message": message})

    def wait(self, seconds: float) -> None:
        """Answer that the real answer will come within so many seconds from now."""
        self.session.answer(id=self.id, wait=seconds)


@dataclass(frozen=True)
class Challenge(Request):
    """A request to publish a challenge. Which of the last fields are None depends on the type.

    :ivar txt_target: the name that holds the record, if `txt_domain` is an alias (CNAME); otherwise None.
    :ivar txt_zone: the zone of `txt_target`, if it is known.
    :ivar persist: True for a record of dns-persist-01: publish it once and never remove it, there will be no `Cleanup`.
        Otherwise None.
    """

    type: str
    domain: str
    validation: str
    key_auth: str
    token: str
    txt_domain: str | None
    uri: str | None
    z_domain: str | None
    alpn: str | None
    port: str | None
    cert_path: str | None
    key_path: str | None
    cert_pem: str | None
    txt_target: str | None
    txt_zone: str | None
    persist: bool | None

    @property
    def record_name(self) -> str | None:
        """Name of the TXT record to write, for DNS types: where an alias leads, or else `txt_domain`."""
        return self.txt_target or self.txt_domain


@dataclass(frozen=True)
class Cleanup(Request):
    """A request to remove what was published for a challenge.

    :ivar status: ``valid``, ``invalid`` or ``pending``, as the CA left it.
    :ivar error: why the challenge is invalid, None if it is not.
    """

    challenge: Challenge
    status: str
    error: str | None


@dataclass(frozen=True)
class Deployment(Request):
    """A request to deploy a certificate.

    :ivar not_after: when it expires, as in RFC 3339.
    :ivar sha256: fingerprint of the certificate, in hex.
    """

    lineage: str | None
    domain: str
    domains: list[str]
    cert_path: str
    key_path: str
    chain_path: str | None
    fullchain_path: str | None
    not_after: str
    sha256: str


Kind = TypeVar("Kind", bound=Request)


class Session:
    """One run of Certbot, as a context manager. Iterate over it to get its requests, until the run has ended.

    Certbot sends the challenges of a batch together, so you can publish all of them before you answer the first.

    If this process was started with SIGCHLD ignored, the session sets it back to the default: otherwise Certbot's exit
    code could not be read.

    :ivar hello: the first line.
    :ivar batch: the last `await` line, with the challenges grouped by place.
    :ivar results: the `result` line of each challenge, by id.
    :ivar errors: all `error` lines.
    :ivar summary: the last line, None until it has come.
    :ivar returncode: Certbot's exit code, None until Certbot has ended.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        command: Sequence[str] = ("certbot",),
        env: Mapping[str, str] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> None:
        """Prepare a run; entering the context starts it.

        :param arguments: Certbot's arguments. The session adds those for JSON lines and for a run without questions.
        :param command: the program, with arguments of its own.
        :param env: environment of Certbot; None is this process's.
        :param stderr: as in `subprocess`: None, DEVNULL or a file.
        :raises ValueError: if stderr is a pipe, which this client does not read, or stdout, which has the lines; or if
            the arguments send the lines to a socket.
        """
        if stderr in (subprocess.PIPE, subprocess.STDOUT):
            raise ValueError(
                "stderr must be None, DEVNULL or a file: the client does not read a pipe, and stdout has the lines"
            )
        if any(word.startswith("--external-auth-socket") for word in arguments):
            raise ValueError(
                "A Session reads stdout, but with --external-auth-socket the lines go to the socket; remove that flag"
            )
        self._words = [*command, *complete(arguments)]
        self._env = env
        self._stderr = stderr
        self._process: subprocess.Popen[bytes] | None = None
        self._received = bytearray()
        self._answers = bytearray()
        self._challenges: dict[str, Challenge] = {}
        self._batch: list[Challenge] = []
        self._pending: deque[Request] = deque()
        self.hello: Line = {}
        self.batch: Line = {}
        self.results: dict[str, Line] = {}
        self.errors: list[Line] = []
        self.summary: Line | None = None
        self.returncode: int | None = None

    def __enter__(self) -> Session:
        """Start Certbot.

        :raises OSError: if Certbot cannot be started.
        """
        ignored = signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
        if ignored and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._process = subprocess.Popen(
            self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=self._env, bufsize=0
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection, so that Certbot gives up unanswered requests, and wait until Certbot has ended.

        :raises SessionError: if Certbot had not finished, unless the block raises an exception itself.
        """
        assert self._process is not None
        unfinished = self.returncode is None
        self._hang_up()
        while self._receive():
            self._received.clear()
        assert self._process.stdout is not None
        self._process.stdout.close()
        with contextlib.suppress(SessionError):
            self._waited()
        if unfinished and error is None:
            raise SessionError("The session was closed before Certbot had finished, so Certbot gave up its requests")

    def __iter__(self) -> Iterator[Request]:
        """Yield each request once. You can leave the loop and iterate again for the rest.

        :raises SessionError: at the end of a run that failed.
        """
        yield from self._given()
        for line in self._lines():
            self._take(line)
            yield from self._given()
        assert self._process is not None
        self._hang_up()
        self.returncode = self._waited()
        if self.summary is None and self.returncode == _USAGE and not self._challenges:
            raise UsageError
        if self.summary is None:
            raise CrashedError(self.returncode, self.errors[-1] if self.errors else None)
        if not self.summary["ok"] or self.returncode != 0:
            raise RunFailedError(self.errors, self.summary, self.returncode)

    def answer(self, **fields: object) -> None:
        """Send an answer. The methods of `Request` are simpler."""
        self._answers += json.dumps(fields).encode() + b"\n"
        self._flush()

    # --- lines ---

    def _given(self) -> Iterator[Request]:
        while self._pending:
            yield self._pending.popleft()

    def _take(self, line: Line) -> None:
        command = line["cmd"]
        if command == "perform_challenge":
            challenge = self._made(Challenge, line)
            self._challenges[challenge.id] = challenge
            self._batch.append(challenge)
        elif command == "await":
            self.batch = line
            self._pending.extend(self._batch)
            self._batch.clear()
        elif command == "cleanup":
            self._pending.append(self._made(Cleanup, line, challenge=self._challenges[line["id"]]))
        elif command == "deploy_cert":
            self._pending.append(self._made(Deployment, line))
        else:
            self._note(line)

    def _note(self, line: Line) -> None:
        command = line["cmd"]
        if command == "hello":
            self.hello = line
            if line["protocol"].partition(".")[0] != MAJOR:
                raise ProtocolError(
                    f"Certbot speaks protocol {line['protocol']}, but this client understands only {MAJOR}", line
                )
        elif command == "result":
            self.results[line["id"]] = line
        elif command == "error":
            self.errors.append(line)
        elif command == "summary":
            self.summary = line

    def _made(self, kind: type[Kind], line: Line, **more: object) -> Kind:
        known: dict[str, Any] = {**line, "session": self, "line": line, **more}
        picked: dict[str, Any] = {one.name: known.get(one.name) for one in fields(kind)}
        return kind(**picked)

    def _lines(self) -> Iterator[Line]:
        while True:
            end = self._received.find(b"\n")
            if end >= 0:
                raw = bytes(self._received[:end])
                del self._received[: end + 1]
                line = _parsed(raw)
                if line is not None and (self.hello or line["cmd"] == "hello"):
                    yield line
                elif line is not None or self.hello:
                    raise ProtocolError(f"Certbot printed {raw[:200]!r}, which is not a line of protocol {MAJOR}", line)
            elif not self._receive():
                return

    # --- bytes ---

    def _receive(self) -> bool:
        """Wait for more bytes, and write answers meanwhile; return False at the end."""
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            poll = select.poll()
            poll.register(self._process.stdout, select.POLLIN)
            if self._answers and self._process.stdin is not None:
                poll.register(self._process.stdin, select.POLLOUT)
            ready = [descriptor for descriptor, _ in poll.poll()]
            self._flush()
            if self._process.stdout.fileno() in ready:
                data = os.read(self._process.stdout.fileno(), 65536)
                self._received += data
                return bool(data)

    def _flush(self) -> None:
        if self._process is None or self._process.stdin is None:
            self._answers.clear()
            return
        try:
            while self._answers:
                del self._answers[: os.write(self._process.stdin.fileno(), self._answers)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            # Certbot has ended. The end of its lines says how.
            self._answers.clear()

    def _waited(self) -> int:
        """Wait for Certbot to end and return its exit code.

        :raises SessionError: if it cannot be known; `Popen.wait` would return 0 then.
        """
        assert self._process is not None
        if self._process.returncode is None:
            try:
                _, status = os.waitpid(self._process.pid, 0)
            except ChildProcessError:
                self._process.returncode = -1
                raise SessionError(
                    "Certbot has ended, and its exit code is not known: SIGCHLD is ignored in this process, or another "
                    "part of it has waited for Certbot; see Certbot's log"
                ) from None
            self._process.returncode = os.waitstatus_to_exitcode(status)
        return int(self._process.returncode)

    def _hang_up(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
            self._process.stdin = None


def complete(arguments: Sequence[str]) -> list[str]:
    """Return Certbot's arguments with those added that make it speak JSON lines and ask no questions."""
    words = [*arguments]
    if "-n" not in words:
        words.append("-n")
    # Certbot takes the first word that is a verb, wherever it stands.
    if next((word for word in arguments if word in _VERBS), "run") != "renew":
        given = any(word.startswith("--external-auth-mode") for word in words)
        return words if given else [*words, "--external-auth-mode", "json"]
    # The mode is in each renewal file; an argument would apply to certificates of other modes, too.
    words += [] if {"-q", "--quiet"} & set(words) else ["-q"]
    return [*words, "--no-random-sleep-on-renew"]


def _parsed(raw: bytes) -> Line | None:
    """Read a line; None if it is not a JSON object with a `cmd`, as Certbot's own output before the first line."""
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("cmd"), str) else None
