#!/usr/bin/env python3
"""Answers tls-alpn-01 (and tls-sni-01) on a machine where nothing else listens on port 443.

A handler of the dialect `native`: the plugin calls it, it starts a small TLS server at the first challenge and stops
it after the last one. Needs nothing but Python's standard library.

    --external-auth-handler "/usr/local/sbin/standalone-tls.py --port 443"
"""
# ruff: noqa: SIM112 - the contract's variables are in lower case

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import signal
import socket
import socketserver
import ssl
import sys
import time

ALPN = "acme-tls/1"
LIFE = 3600
"""Seconds after which a server that nobody stopped ends by itself."""
PATIENCE = 10
NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9])?")


def listener(address: str, port: int) -> socket.socket:
    """A listening socket, on both address families if no address is given."""
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def context(certificate: str | None = None, key: str | None = None) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.set_alpn_protocols([ALPN])
    if certificate is not None:
        found.load_cert_chain(certificate, key)
    return found


class Server(socketserver.ThreadingTCPServer):
    """Presents `FOLDER/<server name>.crt.pem` to whoever asks for that name."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, folder: str) -> None:
        super().__init__(listening.getsockname()[:2], socketserver.BaseRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.folder = folder
        self.outer = context()
        self.outer.sni_callback = self.choose

    def choose(self, connection: ssl.SSLObject, name: str | None, outer: ssl.SSLContext) -> int | None:
        # The name comes from the network: nothing but a host name becomes part of a path.
        if name is None or not NAME.fullmatch(name.lower()):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        path = os.path.join(self.folder, name.lower())
        try:
            connection.context = context(f"{path}.crt.pem", f"{path}.key.pem")
        except (OSError, ssl.SSLError):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    def finish_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)
        request.settimeout(PATIENCE)
        # A client may go away at any moment; what it asked for was in the handshake.
        with contextlib.suppress(OSError), self.outer.wrap_socket(request, server_side=True) as connection:
            connection.unwrap()


def serve(listening: socket.socket, folder: str) -> None:
    """Until SIGTERM, or for LIFE seconds."""
    end = time.monotonic() + LIFE
    server = Server(listening, folder)
    server.timeout = 1
    while time.monotonic() < end:
        server.handle_request()


def start(address: str, port: int, folder: str, pid_file: str) -> None:
    """Serve in a process of its own; returns when it listens.

    :raises OSError: if the port is not free.
    """
    listening = listener(address, port)
    if os.fork():
        listening.close()
        return
    os.setsid()
    child = os.fork()
    if child:
        with open(pid_file, "w", encoding="ascii") as file:
            file.write(str(child))
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.chdir("/")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    serve(listening, folder)
    os._exit(0)


def running(pid_file: str) -> int | None:
    """A descriptor of the server's process if there is one."""
    try:
        with open(pid_file, encoding="ascii") as file:
            pid = int(file.read(20))
        descriptor = os.pidfd_open(pid)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if os.path.basename(__file__).encode() in file.read(4096):
                return descriptor
        os.close(descriptor)
    except (OSError, ValueError):
        pass
    return None


def stop(pid_file: str) -> None:
    process = running(pid_file)
    if process is not None:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        select.select([process], [], [], PATIENCE)
        os.close(process)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(pid_file)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=443, help="where the CA connects to (default: 443)")
    parser.add_argument("--address", default="", help="listen on this address only")
    parser.add_argument("--pid-file", default="/run/standalone-tls.pid")
    parser.add_argument("--folder", help="serve this folder until Ctrl-C, without the plugin")
    parser.add_argument("operation", nargs="?")
    given = parser.parse_args()
    try:
        if given.folder is not None:
            serve(listener(given.address, given.port), given.folder)
        elif given.operation == "pre-perform":
            stop(given.pid_file)
            listener(given.address, given.port).close()
        elif given.operation == "perform":
            return perform(given)
        elif given.operation == "post-cleanup":
            stop(given.pid_file)
        elif given.operation not in ("post-perform", "pre-cleanup", "cleanup"):
            print("NotImplemented")
            return 1
    except OSError as error:
        where = f"{given.address or 'all'}:{given.port}"
        reason = os.strerror(error.errno or 0)
        print(f"cannot listen on {where} ({reason}); stop what listens there, or let it answer", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def perform(given: argparse.Namespace) -> int:
    if not os.environ["cbot_type"].startswith("tls-"):
        print("this handler answers TLS challenges only: --preferred-challenges tls-alpn-01", file=sys.stderr)
        return 1
    if running(given.pid_file) is None:
        start(given.address, given.port, os.path.dirname(os.environ["cbot_cert_path"]), given.pid_file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
