"""A stand-in for a service with an HTTP API of its own: what is put there is served where the CA looks for http-01."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.webroot import PREFIX

TOKEN = "a-token-of-the-tests"


@dataclass
class HttpApi:
    """:ivar served: what is answered to the CA, by path. :ivar certificates: what was handed over, oldest first."""

    served: dict[str, str] = field(default_factory=dict)
    certificates: list[dict[str, Any]] = field(default_factory=list)

    def change(self, method: str, path: str, body: str) -> int:
        """Do what a request wants; the status of the answer."""
        if (method, path) == ("POST", "/certificates"):
            self.certificates.append(json.loads(body))
            return 201
        if method == "PUT" and path.startswith(PREFIX):
            self.served[path] = json.loads(body)
            return 204
        return 404 if method != "DELETE" or self.served.pop(path, None) is None else 204


@contextlib.contextmanager
def http_api(port: int) -> Iterator[HttpApi]:
    api = HttpApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200 if self.path in api.served else 404, api.served.get(self.path, ""))

        def _change(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            allowed = self.headers.get("X-Token") == TOKEN
            self._send(api.change(self.command, self.path, body) if allowed else 403, "")

        do_PUT = do_POST = do_DELETE = _change  # noqa: N815

        def _send(self, status: int, content: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
