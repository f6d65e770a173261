"""Sessions on record without a Certbot, for tests of what the verbs make of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from certbot_external_auth.sessions import DEADLINE, Session, begin, store


def locked(
    work_dir: str, config_dir: str, words: Sequence[str] = ("certonly",), deadline: int = DEADLINE
) -> tuple[Session, list[int]]:
    """Record a session that is alive until the returned descriptors, its locks, are closed."""
    return store.new(work_dir, begin._session(words, config_dir, work_dir, deadline))


@contextlib.contextmanager
def alive(work_dir: str, config_dir: str, words: Sequence[str] = ("certonly",)) -> Iterator[Session]:
    """Record a session that has this process as its Certbot until the block ends."""
    session, locks = locked(work_dir, config_dir, words)
    try:
        yield session
    finally:
        for lock in locks:
            os.close(lock)


def dead(work_dir: str, config_dir: str, words: Sequence[str] = ("certonly",), deadline: int = DEADLINE) -> Session:
    """Record a session whose Certbot has ended."""
    session, locks = locked(work_dir, config_dir, words, deadline)
    for lock in locks:
        os.close(lock)
    return session
