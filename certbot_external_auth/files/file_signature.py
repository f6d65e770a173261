"""Detects that a file has changed, without reading it again."""

from __future__ import annotations

import os

Signature = tuple[int, ...]


def of(status: os.stat_result) -> Signature:
    """Return numbers that change when a file is written or replaced."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def signature(path: str) -> Signature | None:
    """Return the signature of the file at a path; None if it cannot be read, which counts as changed."""
    try:
        return of(os.stat(path))
    except (OSError, ValueError):
        return None
