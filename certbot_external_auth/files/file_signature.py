"""Tell whether a file is still the one that this process has read, without reading it again."""

from __future__ import annotations

import os

Signature = tuple[int, ...]


def of(status: os.stat_result) -> Signature:
    """What changes when a file is written, or another takes its place."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def signature(path: str) -> Signature | None:
    """The signature of what a path leads to; None if that is not known, so that it equals no other."""
    try:
        return of(os.stat(path))
    except (OSError, ValueError):
        return None
