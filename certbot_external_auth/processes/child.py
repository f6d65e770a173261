"""A program that this process has started, and its exit code."""

from __future__ import annotations

import os
import subprocess


class Child:
    """A program that this process polls for its end. Unlike `subprocess`, it never reports an unknown exit code as 0.

    The system reports the end of a child only once. If another part of this process waits for all children
    (`os.wait`), or ignores SIGCHLD, the exit code can be lost.

    :ivar ended: the program has ended.
    :ivar code: as `Popen.returncode`; None if the program has not ended, or if its exit code is not known.
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.pid = popen.pid
        self.ended = False
        self.code: int | None = None
        self._popen = popen

    def poll(self) -> bool:
        """Tell whether the program has ended, without waiting for it."""
        if not self.ended:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._end(None)
            else:
                if pid:
                    self._end(os.waitstatus_to_exitcode(status))
        return self.ended

    def _end(self, code: int | None) -> None:
        self.ended, self.code = True, code
        # Popen would otherwise wait again when it is deleted, perhaps for another program with the same pid.
        self._popen.returncode = -1 if code is None else code
