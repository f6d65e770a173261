"""A program that this process has started, and how it ended."""

from __future__ import annotations

import os
import subprocess


class Child:
    """Asks the system how a program has ended, since `subprocess` says 0 where that cannot be known any more.

    An end is told once. Another part of this process that waits for every child (`os.wait`), or that ignores SIGCHLD
    since, has taken it then.

    :ivar ended: it has. :ivar code: as `Popen.returncode`; None if it has not ended, or if its code is not known.
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.pid = popen.pid
        self.ended = False
        self.code: int | None = None
        self._popen = popen

    def poll(self) -> bool:
        """Whether it has ended."""
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
        # Else it would wait again when it is forgotten, maybe for another program with the same number.
        self._popen.returncode = -1 if code is None else code
