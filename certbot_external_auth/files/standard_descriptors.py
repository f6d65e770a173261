"""Descriptors 0 to 2 may be closed when a program is started; what is opened next would get their numbers.

A child is given these numbers anew, and whatever lies there is lost to it, such as a lock that it should hold.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

STANDARD = (0, 1, 2)


def is_open(descriptor: int) -> bool:
    """Whether there is anything at a number."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def text_on(descriptor: int) -> TextIO:
    """A file for `print` on a descriptor, which stays open."""
    return os.fdopen(descriptor, "w", encoding="utf-8", closefd=False)


def complete() -> None:
    """Open what is missing, before anything else is opened.

    What is printed to a stdout that is missing fails (EBADF), as it must. stderr is for words alone: they go nowhere.
    """
    for descriptor in STANDARD:
        if not is_open(descriptor):
            # The lowest number that is free is the one. Read-only, so that stdout takes nothing.
            os.open(os.devnull, os.O_WRONLY if descriptor == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = text_on(1)
    if sys.stderr is None:
        sys.stderr = text_on(2)
