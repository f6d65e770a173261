"""A client for the JSON lines: starts Certbot, gives one after the other what is to be done, and takes the answers.

    with Session(["certonly", "-a", "external-auth", "-d", "example.org"]) as session:
        for request in session:
            if isinstance(request, Challenge):
                ...  # publish request.validation at request.txt_domain
            elif isinstance(request, Cleanup):
                ...  # withdraw what was published for request.challenge
            request.done()

Needs the standard library only, and nothing of Certbot's: it may be copied to where the driver runs. What the lines
mean is in docs/json.md.
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
"""Of the protocol that is understood."""
_VERBS = {
    *("auth", "certonly", "run", "everything", "install", "renew", "reconfigure", "revoke", "delete", "rollback"),
    *("plugins", "register", "unregister", "show_account", "update_account", "certificates", "enhance"),
    "update_symlinks",
}
_USAGE = 2
"""argparse's exit code."""


class SessionError(Exception):
    """Something went wrong with a run of Certbot. :ivar line: the line that says so, None if there is none."""

    def __init__(self, message: str, line: Line | None = None) -> None:
        self.line = line
        super().__init__(message)


class RunFailedError(SessionError):
    """Certbot ended without success.

    :ivar errors: all `error` lines of the run; `line` is the last of them.
    :ivar summary: the last line. :ivar returncode: Certbot's exit code.
    """

    def __init__(self, errors: Sequence[Line], summary: Line, returncode: int) -> None:
        self.errors = list(errors)
        self.summary = summary
        self.returncode = returncode
        # Nothing is in the lines where Certbot cannot choose another plugin.
        said = "; ".join(f"{one['code']}: {one['message']}" for one in errors) or "no line says why; see its stderr"
        super().__init__(f"Certbot failed with exit code {returncode}: {said}", errors[-1] if errors else None)


class UsageError(SessionError):
    """Certbot does not understand its arguments; it says why on its stderr, and has done nothing."""

    def __init__(self) -> None:
        super().__init__("Certbot does not understand its arguments, and has done nothing; see its stderr")


class CrashedError(SessionError):
    """The lines ended without a summary. :ivar returncode: Certbot's exit code, negative after a signal."""

    def __init__(self, returncode: int, last: Line | None) -> None:
        self.returncode = returncode
        super().__init__(f"Certbot ended with exit code {returncode} and without a summary; see its stderr", last)


class ProtocolError(SessionError):
    """What Certbot wrote are no lines of a protocol that is understood."""


@dataclass(frozen=True)
class Request:
    """Something to be done, and to be answered in one of three ways; when, and in which order, does not matter.

    :ivar line: as it came.
    :ivar id: unique in this run.
    """

    session: Session
    line: Line
    id: str

    def done(self) -> None:
        """It is done."""
        self.session.answer(id=self.id, ok=True)

    def fail(self, code: str, message: str) -> None:
        """It cannot be done. :param code: dotted words of yours. :param message: for a person."""
        self.session.answer(id=self.id, ok=False, error={"code": code, "message": message})

    def wait(self, seconds: float) -> None:
        """It will be answered later, within so many seconds from now."""
        self.session.answer(id=self.id, wait=seconds)


@dataclass(frozen=True)
class Challenge(Request):
    """Publish this; which of the last fields are None depends on the type."""

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


@dataclass(frozen=True)
class Cleanup(Request):
    """Withdraw what was published for a challenge. :ivar status: ``valid``, ``invalid`` or ``pending``."""

    challenge: Challenge
    status: str
    error: str | None


@dataclass(frozen=True)
class Deployment(Request):
    """Take this certificate. :ivar not_after: RFC 3339. :ivar sha256: fingerprint, hex."""

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
    """One run of Certbot, as a context manager; going through it gives requests, until the run has ended.

    Where this process was started with SIGCHLD ignored, that is undone, since no exit code can be had then.

    Challenges come when the whole batch is known, so all of them can be published before the first is answered.

    :ivar hello: the first line. :ivar batch: the last `await` line: challenges grouped by place.
    :ivar results: the `result` line of each challenge id. :ivar errors: all `error` lines.
    :ivar summary: the last line, None until then. :ivar returncode: Certbot's exit code, None until then.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        command: Sequence[str] = ("certbot",),
        env: Mapping[str, str] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> None:
        """:param arguments: as for Certbot; what makes it speak lines and ask nobody is added.
        :param command: what starts Certbot. :param env: its environment.
        :param stderr: as for `subprocess`: None, DEVNULL or a file. Nobody reads a pipe, and stdout has the lines.
        :raises ValueError: for such a `stderr`, or where the lines would go to a socket.
        """
        if stderr in (subprocess.PIPE, subprocess.STDOUT):
            raise ValueError("stderr can be None, DEVNULL or a file: nobody reads a pipe, and stdout has the lines")
        if any(word.startswith("--external-auth-socket") for word in arguments):
            raise ValueError("With --external-auth-socket the lines go to the socket, and a Session reads stdout")
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
        """:raises OSError: if Certbot cannot be started."""
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
        """Hang up, so that Certbot gives up what is not answered, and wait for its end."""
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
            raise SessionError("The session was left before Certbot had ended, so what it asked for was given up")

    def __iter__(self) -> Iterator[Request]:
        """What was not given yet, so that going through it may be left and taken up again.

        :raises SessionError: where the run fails, at its end.
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
        """Send an answer; see `Request` for a plainer way."""
        self._answers += json.dumps(fields).encode() + b"\n"
        self._flush()

    # --- lines ---

    def _given(self) -> Iterator[Request]:
        while self._pending:
            yield self._pending.popleft()

    def _take(self, line: Line) -> None:
        command = line["cmd"]
        if command == "perform_challenge":
            found = self._made(Challenge, line)
            self._challenges[found.id] = found
            self._batch.append(found)
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
                raise ProtocolError(f"Certbot speaks protocol {line['protocol']}, only {MAJOR} is understood", line)
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
                    raise ProtocolError(f"Certbot wrote {raw[:200]!r}, which is no line of protocol {MAJOR}", line)
            elif not self._receive():
                return

    # --- bytes ---

    def _receive(self) -> bool:
        """Wait for more bytes, writing answers meanwhile; false at the end."""
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
            # Certbot has ended; how, is seen at the other pipe.
            self._answers.clear()

    def _waited(self) -> int:
        """Certbot's exit code, once it has ended.

        :raises SessionError: if it cannot be known. `Popen.wait` says 0 then.
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
    """A command line of Certbot's, with what makes it speak lines and ask nobody."""
    found = [*arguments]
    if "-n" not in found:
        found.append("-n")
    # As Certbot finds it: the first word that is one, wherever it stands.
    if next((word for word in arguments if word in _VERBS), "run") != "renew":
        given = any(word.startswith("--external-auth-mode") for word in found)
        return found if given else [*found, "--external-auth-mode", "json"]
    # The mode is in the renewal file; given here it would be taken for other certificates too.
    found += [] if {"-q", "--quiet"} & set(found) else ["-q"]
    return [*found, "--no-random-sleep-on-renew"]


def _parsed(raw: bytes) -> Line | None:
    """A line, None for what is no JSON object with a `cmd`: Certbot's own, before the first line."""
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("cmd"), str) else None
