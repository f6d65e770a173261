"""A network of its own for a test: port 53, the system's resolver and files in /etc, without anybody else noticing.

Hooks that were written for real hosts ask the resolver of the system and send updates to port 53; there are no options
for that. Within the block everything this thread opens and starts is in new network and mount namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

CLONE_NEWNS = 0x00020000
THREADS_GONE_WITHIN = 5.0
CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def possible() -> bool:
    """Whether this user may make one."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True).returncode == 0


@contextlib.contextmanager
def private_network(files: Mapping[str, str] | None = None) -> Iterator[None]:
    """Only the loopback interface is there, and /run is empty.

    :param files: see `put`.
    """
    with contextlib.ExitStack() as stack:
        namespaces = [stack.enter_context(open(f"/proc/thread-self/ns/{kind}")) for kind in ("mnt", "net")]
        cwd = os.getcwd()
        _must(_LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET))
        try:
            _do("mount", "--make-rprivate", "/")
            _do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
            _do("ip", "link", "set", "lo", "up")
            for path, content in (files or {}).items():
                put(path, content)
            yield
        finally:
            for namespace in namespaces:
                _return_to(namespace.fileno())
            os.chdir(cwd)


def _return_to(namespace: int) -> None:
    """A thread of the block that was joined may not be gone yet; as long as it is there the system refuses."""
    deadline = time.monotonic() + THREADS_GONE_WITHIN
    while _LIBC.setns(namespace, 0) != 0:
        if ctypes.get_errno() != errno.EINVAL or time.monotonic() > deadline:
            _must(-1)
        time.sleep(0.01)


def put(path: str, content: str) -> None:
    """Let a file hold this within the block, such as /etc/resolv.conf.

    If there is none of that name, then nothing else is in its folder any more.
    """
    place = Path(os.path.realpath(path))
    if not place.exists():
        _do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(place.parent))
        place.write_text(content)
        return
    with tempfile.NamedTemporaryFile("w", dir="/run") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        _do("mount", "--bind", file.name, str(place))


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=30)


def _must(code: int) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
