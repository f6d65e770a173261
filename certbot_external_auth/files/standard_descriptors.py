"""Opens the descriptors 0 to 2 if this process was started without them.

Otherwise the next file that is opened would get such a number. A child gets new descriptors 0 to 2, so it would lose
that file, for example a lock that it should hold.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

STANDARD = (0, 1, 2)


def is_open(descriptor: int) -> bool:
    """Tell whether a descriptor is open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def text_on(descriptor: int) -> TextIO:
    """Return a text file that writes to a descriptor, and does not close it."""
    return os.fdopen(descriptor, "w", encoding="utf-8", closefd=False)


def complete() -> None:
    """Open the descriptors that are missing. MUST be called before any other file is opened.

    Writing to a missing stdout still fails (EBADF), so that no output is lost unnoticed. A missing stderr becomes
    /dev/null.
    """
    for descriptor in STANDARD:
        if not is_open(descriptor):
            # The system returns the lowest free number, which is this one. stdout is read-only, so that writing fails.
            os.open(os.devnull, os.O_WRONLY if descriptor == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = text_on(1)
    if sys.stderr is None:
        sys.stderr = text_on(2)
