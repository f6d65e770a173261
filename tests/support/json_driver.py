"""The program at the other end of a JSON run."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tests.support import purity
from tests.support.processes import HungError, read
from tests.support.purity import Line

if TYPE_CHECKING:
    from tests.support.certbot import Certbot, Result

Send = Callable[[bytes], None]
Policy = Callable[[Line, Send], None]
"""What a driver does with a line; it may send answers."""


class GoneError(Exception):
    """A policy raises it to be gone: it reads no more, and both its ends are closed."""


class JsonDriver:
    """The program at the other end of a JSON run: reads lines until they end, and answers by its policy."""

    def __init__(
        self,
        certbot: Certbot,
        words: Sequence[str],
        policy: Policy,
        terminal: bool,
        env: Mapping[str, str] | None,
        timeout: float,
    ) -> None:
        self._certbot = certbot
        self._words = words
        self._policy = policy
        self._terminal = terminal
        self._env = env
        self._timeout = timeout
        self._answers = -1
        self._gone = False

    def run(self) -> Result:
        deadline = time.monotonic() + self._timeout
        leader, follower = pty.openpty() if self._terminal else os.pipe()[::-1]
        self._answers = leader
        errors = self._certbot.folder / "stderr"
        with errors.open("wb") as sink:
            started = self._certbot.started(self._words, self._env, stdin=follower, stderr=sink.fileno())
            with started as process:
                os.close(follower)
                try:
                    stdout = self._listen(process, deadline)
                    if self._gone and process.stdout is not None:
                        process.stdout.close()
                        self.hang_up()
                    process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    raise HungError(f"certbot {' '.join(self._words)} closed stdout and goes on") from None
                finally:
                    self.hang_up()
        return self._certbot.result(self._words, process.returncode, stdout, errors.read_bytes(), whole=not self._gone)

    def send(self, data: bytes) -> None:
        """Bytes to Certbot's stdin; the empty bytes close it."""
        if not data:
            self.hang_up()
        elif self._answers >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._answers, data)

    def hang_up(self) -> None:
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1

    def _listen(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        assert process.stdout is not None
        received, told = bytearray(), 0
        while data := read(process.stdout.fileno(), deadline, received.decode(errors="replace")):
            received += data
            while (end := received.find(b"\n", told)) >= 0:
                line, told = bytes(received[told:end]), end + 1
                try:
                    self._policy(purity.parsed(line), self.send)
                except purity.ImpureError:
                    # Complained about at the end, with everything around it.
                    continue
                except GoneError:
                    self._gone = True
                    return bytes(received[:told])
        return bytes(received)


def confirm(line: Line, send: Send) -> None:
    """Confirm every line that wants to be, one by one; challenges are confirmed by an empty line."""
    if line["cmd"] == "perform_challenge":
        send(b"\n")
    elif line["cmd"] in ("cleanup", "deploy_cert") and "id" in line:
        send(b'{"id": "%s", "ok": true}\n' % line["id"].encode())
