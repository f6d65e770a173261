"""A web server for http-01: serves one folder where the CA looks."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

PREFIX = "/.well-known/acme-challenge/"


class _V6Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6


_servers = {False: ThreadingHTTPServer, True: _V6Server}


class Webroot:
    """A context manager; while it is entered, files of the folder are answers to the CA.

    :ivar folder: what is served below the challenges' path.
    :ivar asked: paths asked for, with the status of the answer.
    """

    def __init__(self, folder: Path, port: int, address: str = "127.0.0.1") -> None:
        self.folder = folder
        self.asked: list[tuple[str, int]] = []
        self._where = (address, port)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Webroot:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = _servers[":" in self._where[0]](self._where, self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        folder, asked = self.folder, self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix(PREFIX)
                path = folder / Path(name).name
                found = self.path.startswith(PREFIX) and path.is_file()
                asked.append((self.path, 200 if found else 404))
                content = path.read_bytes() if found else b""
                self.send_response(asked[-1][1])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Write no log; see `asked`."""

        return Handler
