"""Writes to the person's terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TextIO


def output() -> TextIO:
    """Return the stream to the terminal. Certbot's own display is silent with -q, and stdout can be a file."""
    return sys.stdout if sys.stdout is not None and sys.stdout.isatty() else sys.stderr


def width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def say(text: str) -> None:
    """Write a text.

    If the program behind a pipe has ended, as `tee` does at Ctrl-C, the text goes to the terminal from which the person
    types.
    """
    try:
        print(text, file=output(), flush=True)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError), open(os.ttyname(sys.stdin.fileno()), "w") as terminal:
            print(text, file=terminal, flush=True)
