"""TLS servers that answer challenges, and the client's side of a handshake."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509

from tests.support.processes import end_group

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
STANDALONE = EXAMPLES / "standalone-tls" / "standalone-tls.py"
READY_WITHIN = 20.0


def listens(port: int, address: str = "127.0.0.1") -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address or "127.0.0.1", port), timeout=2):
        return True
    return False


def wait_for(port: int, listening: bool = True, address: str = "127.0.0.1") -> None:
    """Wait until a server listens there, or none does any more."""
    deadline = time.monotonic() + READY_WITHIN
    while listens(port, address) is not listening:
        if time.monotonic() > deadline:
            raise AssertionError(f"port {port} is {'not ' if listening else ''}answered after {READY_WITHIN} seconds")
        time.sleep(0.02)


@contextlib.contextmanager
def program(words: Sequence[str | Path], port: int, address: str = "127.0.0.1") -> Iterator[subprocess.Popen[bytes]]:
    """A server, from when it listens to the end of the block."""
    process = subprocess.Popen(
        list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(port, address=address)
        yield process
    finally:
        end_group(process)


@contextlib.contextmanager
def serving(folder: Path, port: int, address: str = "127.0.0.1") -> Iterator[Path]:
    """The standalone example serves a folder of validation certificates; without an address on all of them."""
    folder.mkdir(exist_ok=True)
    words: list[str | Path] = [
        sys.executable,
        STANDALONE,
        "--folder",
        folder,
        "--port",
        str(port),
        "--address",
        address,
    ]
    with program(words, port, address or "127.0.0.1"):
        yield folder


def presented(
    port: int, name: str, protocols: Sequence[str] = (), address: str = "127.0.0.1"
) -> tuple[x509.Certificate, str | None]:
    """What a server presents for a server name, and the protocol it chose.

    :raises OSError: if there is no handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    with (
        socket.create_connection((address, port), timeout=5) as link,
        # As bytes it is sent as it is, also what is no host name.
        context.wrap_socket(link, server_hostname=name.encode()) as connection,
    ):
        der = connection.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der), connection.selected_alpn_protocol()
