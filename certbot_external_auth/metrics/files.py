"""The state file and its lock, and the file that Prometheus's node_exporter reads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping

from certbot_external_auth.files import own_folder
from certbot_external_auth.metrics import state
from certbot_external_auth.metrics.state import Entry

FILE, LOCK = "metrics.json", "metrics.lock"
MAX_BYTES = 50_000_000
LOCK_SECONDS = 10.0
"""How long a writer waits for another one, which takes a moment."""
POLL_SECONDS = 0.05
MODE = 0o644
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def locked(work_dir: str) -> Iterator[int]:
    """Give the block the plugin's folder, while no other process writes figures.

    :raises OSError: if that is not possible.
    """
    with own_folder.opened(work_dir, create=True) as folder:
        lock = os.open(LOCK, _LOCK_FLAGS, 0o600, dir_fd=folder)
        try:
            _wait(lock, own_folder.path(work_dir, LOCK))
            yield folder
        finally:
            os.close(lock)


def _wait(lock: int, shown: str) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock", shown) from None
            time.sleep(POLL_SECONDS)
        else:
            return


def read(folder: int) -> dict[str, Entry]:
    """Return what is noted.

    :param folder: from `locked`.
    :raises OSError: if the state file cannot be read.
    """
    try:
        return state.entries(json.loads(own_folder.read(folder, FILE, MAX_BYTES)))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}


def note(folder: int, entries: Mapping[str, Entry]) -> None:
    """Write the state file. A power cut may lose it, which the next attempts make good.

    :raises OSError: if that is not possible; nothing is changed then.
    """
    os.close(own_folder.put(folder, FILE, json.dumps(state.content(entries), indent=1).encode()))


def publish(path: str, content: bytes) -> None:
    """Replace a file as a whole, so that a reader never sees a part of it. Every user may read it.

    :raises OSError: if that is not possible; the file is as before then.
    """
    folder, name = os.path.split(path)
    # node_exporter reads the files that end in .prom.
    passing = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, MODE)
        os.replace(passing, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(passing)
        raise
