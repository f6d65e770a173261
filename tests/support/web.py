"""Web servers at several addresses: a real nginx, and servers that misbehave."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support import tls

Answer = Callable[[socket.socket, threading.Event], None]
"""What a server does to a connection; it must end when the event is set."""
SYSTEM = ("/usr/sbin", "/usr/local/sbin", "/usr/bin")


def program(name: str) -> str:
    """A server's program, which need not be on an ordinary user's PATH."""
    found = shutil.which(name, path=os.pathsep.join(SYSTEM))
    assert found, f"{name} is not installed; see scripts/need.sh"
    return found


def free_port(address: str = "127.0.0.2") -> int:
    with socket.socket() as trial:
        trial.bind((address, 0))
        port: int = trial.getsockname()[1]
        return port


@contextlib.contextmanager
def nginx(folder: Path, servers: str, port: int, address: str, user: str = "") -> Iterator[None]:
    """nginx with some `server` blocks; it runs from when `address` and `port` are answered.

    :param user: who reads the files; empty for the caller. Only root can choose.
    """
    (folder / "nginx.conf").write_text(f"""
daemon off;
{f"user {user};" if user else "master_process off;"}
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {servers}
}}
""")
    with tls.program([program("nginx"), "-c", folder / "nginx.conf", "-e", "stderr"], port, address):
        yield


@contextlib.contextmanager
def answering(address: str, port: int, answer: Answer) -> Iterator[None]:
    """A server that does to each connection what `answer` does."""
    stop = threading.Event()
    threads: list[threading.Thread] = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)

    def serve(link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            answer(link, stop)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield
    finally:
        stop.set()
        # Closing alone does not wake who waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()
