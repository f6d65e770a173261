"""Pipes to a program that runs as another user."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from certbot_external_auth.processes.account import Account


@dataclass(frozen=True)
class Pipes:
    """The ends for the program, as arguments of `subprocess.Popen`, and the ends for this process."""

    stdin: int
    stdout: int
    stderr: int
    to_stdin: IO[bytes] | None
    from_stdout: IO[bytes] | None
    from_stderr: IO[bytes]

    def give_to(self, popen: subprocess.Popen[bytes]) -> None:
        """Let a program that was started with these pipes have them as if it had made them itself."""
        popen.stdin, popen.stdout, popen.stderr = self.to_stdin, self.from_stdout, self.from_stderr


@contextlib.contextmanager
def belonging_to(account: Account, has_input: bool, output: int | None = None) -> Iterator[Pipes]:
    """Open pipes that belong to a user. The block starts the program; if it fails, all ends are closed.

    A program may open a pipe again by its path, as ``echo >/dev/stderr`` does. Linux then asks who owns it, and a pipe
    of `subprocess` belongs to the caller.

    :param has_input: the program gets standard input; otherwise that is `/dev/null`.
    :param output: descriptor that gets standard output in place of a pipe.
    :raises OSError: if there are no more descriptors.
    """
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:

        def pipe(mode: str) -> tuple[int, IO[bytes]]:
            reading, writing = os.pipe()
            kept, given = (reading, writing) if mode == "rb" else (writing, reading)
            theirs.callback(os.close, given)
            file = ours.enter_context(os.fdopen(kept, mode, buffering=0))
            # Both ends have one owner.
            os.fchown(given, account.uid, account.gid)
            return given, file

        stdin, to_stdin = pipe("wb") if has_input else (subprocess.DEVNULL, None)
        stdout, from_stdout = pipe("rb") if output is None else (output, None)
        stderr, from_stderr = pipe("rb")
        yield Pipes(stdin, stdout, stderr, to_stdin, from_stdout, from_stderr)
        ours.pop_all()
