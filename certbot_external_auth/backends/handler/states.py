"""Where a program writes what only its removing counterpart needs: straight into a file, not to this process.

So it is complete also if this process is killed while the program works.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Callable, Generator

from certbot_external_auth.backends.handler.heard import MAX_HEARD_BYTES
from certbot_external_auth.dialects import Call
from certbot_external_auth.processes.program import Ended, Program


class States:
    """:ivar opener: opens the file of a challenge, by its id; None if no file outlives this process."""

    def __init__(self) -> None:
        self.opener: Callable[[str], int] | None = None

    def written(
        self, call: Call, program: Program, hear: Callable[[bytes], None] | None
    ) -> Generator[Program, Ended, Ended]:
        """Let a program write to its file.

        :param hear: gets what it has written; None drops that.
        """
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC) if hear is None else self._open(call)
        try:
            ended = yield dataclasses.replace(program, stdout=descriptor)
            if hear is not None:
                hear(os.pread(descriptor, MAX_HEARD_BYTES, 0))
            return ended
        finally:
            os.close(descriptor)

    def _open(self, call: Call) -> int:
        if self.opener is not None:
            with contextlib.suppress(OSError):
                return self.opener(call.challenges[0].id)
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        return descriptor
