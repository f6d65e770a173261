"""Fingerprints that show whether a handler is still the program that published."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Iterator, Sequence

MAX_HASHED_BYTES = 1_000_000
"""A larger file is not read: its fingerprint is its size and the time of its last change."""
_INTERPRETER = re.compile(r"((ba|da|z|k|mk|a)?sh|python|pypy|perl|ruby|php|node|lua)[0-9.]*")


def of(*commands: Sequence[str], files: Sequence[str] = ()) -> dict[str, str]:
    """Return a fingerprint of every program that these command lines name. It changes when the program does.

    A file that is only an argument of a handler is left out, because the handler may write it.

    :param commands: the words of each command line, with absolute paths. A folder of hooks counts as the files in it.
    :param files: other files that are executed.
    """
    paths = [*(path for words in commands for path in _programs(words)), *files]
    return {path: text for path in paths if (text := now(path)) is not None}


def _programs(words: Sequence[str]) -> Iterator[str]:
    yield from _hooks(words[0]) if words else []
    interpreted = False
    for before, word in itertools.pairwise(words):
        # There may be options between an interpreter and its script.
        interpreted = _interpreter(before) or (interpreted and before.startswith("-"))
        if os.path.isabs(word) and os.path.isfile(word) and (interpreted or os.access(word, os.X_OK)):
            yield word


def _hooks(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        return sorted(entry.path for entry in entries if entry.is_file())
    return []


def _interpreter(word: str) -> bool:
    return _INTERPRETER.fullmatch(os.path.basename(word)) is not None


def now(path: str) -> str | None:
    """Return the fingerprint of one file; None if there is no file."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_HASHED_BYTES:
                return f"sha256:{hashlib.sha256(file.read(MAX_HASHED_BYTES + 1)).hexdigest()}"
    except OSError:
        # A program can be executable without being readable.
        try:
            status = os.stat(path)
        except OSError:
            return None
    return f"changed:{status.st_size}:{status.st_mtime_ns}"
