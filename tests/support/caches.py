"""Resolvers of the world that remember what an authority told them: dnsmasq, and BIND as a cache.

with dnsmasq("127.0.0.1:5353", "here.example.test") as server:
    assert server == "127.0.0.1:5300"
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support import bind, dns, ports

READY_WITHIN = 20.0
_FORWARDER = """\
options {{
    directory "{folder}";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion yes;
    forward only;
    forwarders {{ {host} port {upstream}; }};
    dnssec-validation no;
    empty-zones-enable no;
}};
controls {{ }};
"""


@contextlib.contextmanager
def dnsmasq(upstream: str, known: str, address: str = ports.ADDRESS, port: int | None = None) -> Iterator[str]:
    """A dnsmasq that forwards, and remembers that there is nothing.

    :param upstream: the authority, as ``address:port``.
    :param known: a name with TXT records.
    :param port: a free one if None.
    :returns: ``address:port``.
    """
    host, _, theirs = upstream.rpartition(":")
    words = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"]
    words += [f"--server={host}#{theirs}", f"--listen-address={address}", "--pid-file=", "--user="]
    program = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"
    with contextlib.ExitStack() as stack:
        mine = port or ports.free(stack, address)
        yield from running([program, *words, f"--port={mine}"], address, mine, known)


@contextlib.contextmanager
def bind_cache(upstream: str, known: str, address: str = ports.ADDRESS) -> Iterator[str]:
    """A BIND that has no zone, forwards and remembers; see `dnsmasq`."""
    host, _, port = upstream.rpartition(":")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="test-cache-")))
        mine = ports.free(stack, address)
        text = _FORWARDER.format(folder=folder, port=mine, address=address, host=host, upstream=port)
        (folder / "named.conf").write_text(text)
        yield from running([bind.PROGRAM, "-g", "-n", "1", "-c", str(folder / "named.conf")], address, mine, known)


CACHES = {"dnsmasq": dnsmasq, "bind": bind_cache}


def running(command: Sequence[str], address: str, port: int, known: str) -> Iterator[str]:
    tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    process = subprocess.Popen(
        [*tied, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(known, address, port, process)
        yield f"{address}:{port}"
    finally:
        process.terminate()
        process.wait(READY_WITHIN)


def _wait(known: str, address: str, port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it answers about a name that exists: an answer that there is nothing would be remembered."""
    deadline = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if dns.txt(known, address, port, timeout=1.0):
                return
        time.sleep(0.02)
    raise bind.NotReadyError(f"{process.args!r} did not come up (exit code {process.returncode})")
