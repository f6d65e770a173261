"""A real terminal with a window of its own: tmux, whose screen can be read as a person would."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.processes import HungError

PATIENCE = 60.0
CONFIGURATION = "set -g remain-on-exit on\nset -g history-limit 5000\nset -g status off\n"


class Window:
    """A window in which a program runs."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "s"
        self._code = folder / "code"

    def _tmux(self, *words: str) -> str:
        ended = subprocess.run(["tmux", "-S", str(self._socket), *words], capture_output=True, text=True, check=True)
        return ended.stdout

    def screen(self) -> str:
        """What can be seen now."""
        return self._tmux("capture-pane", "-p")

    def everything(self) -> str:
        """The same with what has scrolled away; lines that the window has broken are whole again."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    def coloured(self) -> str:
        """The same as `everything`, with the escape sequences of colours."""
        return self._tmux("capture-pane", "-p", "-e", "-J", "-S", "-")

    def broken(self) -> list[str]:
        """The lines that the window has broken, whole."""
        shown = {line.rstrip() for line in self._tmux("capture-pane", "-p", "-S", "-").splitlines()}
        return [line for line in self.everything().splitlines() if line.rstrip() not in shown]

    def keys(self, *names: str) -> None:
        """Press keys, by tmux's names: ``Enter``, ``C-c``."""
        self._tmux("send-keys", *names)

    def wait_for(self, pattern: str) -> str:
        """The screen, as soon as it shows something."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, found := self.screen()):
            if time.monotonic() > deadline:
                raise HungError(f"{pattern!r} was not shown:\n{self.everything()}")
            time.sleep(0.05)
        return found

    def wait_for_end(self) -> int:
        """The program's exit code."""
        deadline = time.monotonic() + PATIENCE
        while not (self._code.exists() and (code := self._code.read_text())):
            if time.monotonic() > deadline:
                raise HungError(f"it has not ended:\n{self.everything()}")
            time.sleep(0.05)
        return int(code)


@contextlib.contextmanager
def window(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, width: int, height: int
) -> Iterator[Window]:
    """Run a program in a window of some columns and lines.

    :param environment: without TERM, which tmux sets. :param folder: where it is started.
    """
    # The path of a socket may have some hundred characters only.
    with tempfile.TemporaryDirectory() as name:
        socket = f"{name}/s"
        Path(name, "conf").write_text(CONFIGURATION)
        size = ["-x", str(width), "-y", str(height)]
        # The environment of the tests may have the size of another window.
        line = shlex.join(
            ["env", "-u", "COLUMNS", "-u", "LINES", *(f"{key}={value}" for key, value in environment.items()), *command]
        )
        # The shell outlives Ctrl-C, to tell how the program ended.
        line = f"trap : INT; {line}; echo $? > {name}/code"
        start = ["tmux", "-S", socket, "-f", f"{name}/conf", "new-session", "-d", *size, "-c", str(folder), line]
        subprocess.run(start, check=True, stdin=subprocess.DEVNULL)
        found = Window(Path(name))
        try:
            yield found
        finally:
            subprocess.run(["tmux", "-S", socket, "kill-server"], stderr=subprocess.DEVNULL)
