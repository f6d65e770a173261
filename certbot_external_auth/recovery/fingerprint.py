"""Whether a handler is still the program that was called."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable

HASHED = 1_000_000
"""Bytes of a file up to which its content is compared; of a longer one only size and time of change."""


def of(words: Iterable[str]) -> dict[str, str]:
    """A text for every file that command lines name, which changes when the file does.

    :param words: of a command, its files absolute. A folder counts as the files in it.
    """
    found = {}
    for word in words:
        for path in _files(word):
            found[path] = _one(path)
    return found


def _files(word: str) -> list[str]:
    if not os.path.isabs(word):
        return []
    if os.path.isdir(word):
        return sorted(entry.path for entry in os.scandir(word) if entry.is_file())
    return [word] if os.path.isfile(word) else []


def _one(path: str) -> str:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size <= HASHED:
                return f"sha256:{hashlib.sha256(file.read(HASHED + 1)).hexdigest()}"
    except OSError:
        # A program may be executable without being readable.
        status = os.stat(path)
    return f"changed:{status.st_size}:{status.st_mtime_ns}"
